import { randomBytes } from 'node:crypto';
import type { ExecChannel } from '../transport.ts';

const sampleBytes = 256 * 1024;
/** Long enough that what keeps a fast node from answering does not count much. */
const secondSampleBytes = 1 << 20;
/** After a first sample that took so long, a second one would take too much of the time that it may save. */
const surelySlowSeconds = 0.5;
/** On a faster link packing takes longer than it saves. Low, because the time of a sample has its round trip in it. */
const fastBytesPerSecond = 10e6;

/** Whether files travel sooner packed, judged by how long a sample took. */
export function packingPays(bytes: number, seconds: number): boolean {
  return bytes < seconds * fastBytesPerSecond;
}

/**
 * Judges a link by a sample that is sent to `channel`, a command that reads it after it has printed the line `ready`: its
 * start does not count. A node that is busy with other things answers late too, and packing what goes over a fast link
 * costs seconds: one that seems slow gets a longer sample, by the command that `again` starts. Answers with what the first
 * command printed before that line too. A link that fails here fails with what comes next.
 */
export async function judgeLink(
  channel: ExecChannel,
  ready: string,
  again: () => Promise<ExecChannel>,
): Promise<{ slow: boolean; answer: string }> {
  const { seconds, answer } = await timeSample(channel, ready, sampleBytes);
  if (!packingPays(sampleBytes, seconds)) return { slow: false, answer };
  if (seconds > surelySlowSeconds) return { slow: true, answer };
  try {
    const longer = await timeSample(await again(), ready, secondSampleBytes);
    return { slow: packingPays(secondSampleBytes, longer.seconds), answer };
  } catch {
    // A host that has no session left for this, or a link that is gone.
    return { slow: true, answer };
  }
}

async function timeSample(
  channel: ExecChannel,
  ready: string,
  bytes: number,
): Promise<{ seconds: number; answer: string }> {
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
  channel.stdin.end(randomBytes(bytes));
  await channel.exit;
  const seconds = (performance.now() - start) / 1000;
  return { seconds, answer: answer.slice(0, -`${ready}\n`.length) };
}
