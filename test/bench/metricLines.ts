/** A line as the trainer writes it, with four metrics of its own. */
export function metricLine(segment: number, step: number): string {
  const noise = Math.sin(step * 12.9898) * 43_758.5453;
  const metrics = {
    loss: 2 + 8 * Math.exp(-step / 3000) + 0.1 * (noise - Math.floor(noise)),
    gradNorm: 0.4 + 0.2 * (noise - Math.floor(noise)),
    learningRate: 5e-4 * Math.min(1, step / 2000),
    tokensPerSecond: 18_000 + Math.round(900 * (noise - Math.floor(noise))),
  };
  const time = 1.75e9 + step * 0.2;
  return `${JSON.stringify({ segment, step, tokens: step * 4096, time, elapsed: step * 0.2, metrics })}\n`;
}
