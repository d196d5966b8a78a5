/**
 * cos and sin [positions, headDim / 2] of the rotary angles position · theta^(−2i / headDim), rounded to fp32 at the
 * same places as PyTorch's fp32 computation, so that long positions agree with models trained there.
 */
export function rotaryTable(
  positions: number,
  headDim: number,
  theta: number,
): { cos: Float32Array; sin: Float32Array } {
  const half = headDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    const power = Math.fround(theta ** Math.fround((2 * i) / headDim));
    const frequency = Math.fround(1 / power);
    for (let position = 0; position < positions; position++) {
      const angle = Math.fround(position * frequency);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
