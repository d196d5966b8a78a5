import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { nameInCorpus } from './sourceFiles.ts';

/** A larger file is told by its size and stretches of it: reading hundreds of gigabytes only to name them is waste. */
const largestRead = 1 << 28;
const stretches = 1024;
const stretchBytes = 1 << 14;

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** SHA-256 of a file, or of its size and 1,024 stretches spread from its first byte to its last where it is large. */
async function fileHash(file: string, tick: () => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  const handle = await fs.open(file, 'r');
  try {
    const { size } = await handle.stat();
    const large = size > largestRead;
    const buffer = new Uint8Array(large ? stretchBytes : 1 << 20);
    if (large) hash.update(`${size}\n`);
    for (let number = 0, at = 0; large ? number < stretches : true; number++) {
      if (large) at = Math.floor((number / (stretches - 1)) * (size - stretchBytes));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
      await tick();
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

/**
 * The hash of a corpus on this machine: its files' names and contents. Remembered under `memo` as long as names, sizes
 * and times stay the same.
 */
export async function filesHash(
  base: string,
  files: readonly string[],
  memo: string,
  tick: () => Promise<void>,
): Promise<string> {
  const looks: string[] = [];
  for (const file of files) {
    const stat = await fs.stat(file, { bigint: true });
    looks.push(`${file}\t${stat.size}\t${stat.mtimeNs}\t${stat.ino}`);
  }
  const memoFile = path.join(memo, sha256(looks.join('\n')));
  try {
    const known = await fs.readFile(memoFile, 'utf8');
    if (/^[0-9a-f]{64}$/.test(known)) return known;
  } catch {
    // Not seen before.
  }
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${nameInCorpus(base, file)}\t${await fileHash(file, tick)}\n`);
  const digest = hash.digest('hex');
  await fs.mkdir(memo, { recursive: true });
  const temporary = `${memoFile}.${process.pid}.tmp`;
  await fs.writeFile(temporary, digest);
  await fs.rename(temporary, memoFile);
  return digest;
}
