import { randomBytes } from 'node:crypto';
import type { Transport } from '../transport.ts';

const sampleBytes = 256 * 1024;
/** On a faster link packing takes longer than it saves. Low, because the time of a sample has its round trip in it. */
const fastBytesPerSecond = 10e6;

/** Whether files travel sooner packed, judged by how long a sample took. */
export function packingPays(bytes: number, seconds: number): boolean {
  return bytes < seconds * fastBytesPerSecond;
}

/** Sends a small sample that cannot be packed and judges by its time; a link that fails here fails with what comes next. */
export async function linkIsSlow(transport: Transport, signal: AbortSignal): Promise<boolean> {
  const start = performance.now();
  const channel = await transport.exec(['sh', '-c', 'cat > /dev/null'], { signal });
  channel.stdout.resume();
  channel.stderr.resume();
  channel.stdin.on('error', () => {});
  channel.stdin.end(randomBytes(sampleBytes));
  await channel.exit;
  return packingPays(sampleBytes, (performance.now() - start) / 1000);
}
