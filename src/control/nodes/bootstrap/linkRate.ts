import { randomBytes } from 'node:crypto';
import type { ExecChannel } from '../transport.ts';

const sampleBytes = 256 * 1024;
/** On a faster link packing takes longer than it saves. Low, because the time of a sample has its round trip in it. */
const fastBytesPerSecond = 10e6;

/** Whether files travel sooner packed, judged by how long a sample took. */
export function packingPays(bytes: number, seconds: number): boolean {
  return bytes < seconds * fastBytesPerSecond;
}

/**
 * Sends a small sample that cannot be packed to a command that reads it after it has printed the line `ready`, and
 * judges by its time, which does not count the command's start. Answers with what the command printed before that line
 * too. A link that fails here fails with what comes next.
 */
export async function sampleLink(
  channel: ExecChannel,
  ready: string,
): Promise<{ slow: boolean; answer: string }> {
  channel.stderr.resume();
  channel.stdin.on('error', () => {});
  let answer = '';
  const started = new Promise<void>((resolve) => {
    channel.stdout.on('data', (chunk: Buffer) => {
      answer = (answer + chunk.toString()).slice(-4096);
      if (answer.endsWith(`${ready}\n`)) resolve();
    });
  });
  await Promise.race([started, channel.exit]);
  const start = performance.now();
  channel.stdin.end(randomBytes(sampleBytes));
  await channel.exit;
  const seconds = (performance.now() - start) / 1000;
  return { slow: packingPays(sampleBytes, seconds), answer: answer.slice(0, -`${ready}\n`.length) };
}
