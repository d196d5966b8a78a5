import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '../files.ts';

/** Unit of `Stats.blocks`, whatever the file system's own blocks are. */
const blockBytes = 512;
/** Files that are asked for at a time: the agent answers other calls in between. */
const atOnce = 32;

/**
 * Measures as `du` does: blocks on disk, a hard link once in all that one meter measures, links not followed. What
 * vanishes meanwhile counts nothing. Never holds up the process, however many files there are.
 */
export class DiskMeter {
  /** Folders that may not be read: what is in them is not counted. */
  unreadable = 0;
  readonly #signal: AbortSignal | undefined;
  readonly #linked = new Set<string>();

  /** `signal`: its reason is thrown soon after it aborts. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Bytes of a file, or of a folder with everything in it. */
  async bytes(place: string): Promise<number> {
    const found = await stat(place);
    let total = this.#own(found);
    const folders = found?.isDirectory() ? [place] : [];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
      total += await this.#addEntries(folder, folders);
    return total;
  }

  /** Bytes of a file, or of a folder without what is in it. */
  async own(place: string): Promise<number> {
    return this.#own(await stat(place));
  }

  /** Names in a folder, in order; none where it is no folder, or a link to one. */
  async names(folder: string): Promise<string[]> {
    return (await stat(folder))?.isDirectory() ? (await this.#names(folder)).sort() : [];
  }

  /** Own bytes of what is directly in a folder; folders among it are added to `folders`. */
  async #addEntries(folder: string, folders: string[]): Promise<number> {
    const names = await this.#names(folder);
    let bytes = 0;
    for (let from = 0; from < names.length; from += atOnce) {
      this.#signal?.throwIfAborted();
      const places = names.slice(from, from + atOnce).map((name) => path.join(folder, name));
      for (const [index, found] of (await Promise.all(places.map(stat))).entries()) {
        bytes += this.#own(found);
        if (found?.isDirectory()) folders.push(places[index]!);
      }
    }
    return bytes;
  }

  async #names(folder: string): Promise<string[]> {
    this.#signal?.throwIfAborted();
    try {
      return await fs.readdir(folder);
    } catch (thrown) {
      if (hasCode(thrown, 'ENOENT', 'ENOTDIR', 'ESTALE')) return [];
      if (!hasCode(thrown, 'EACCES', 'EPERM')) throw thrown;
      this.unreadable++;
      return [];
    }
  }

  #own(found: Stats | undefined): number {
    if (!found) return 0;
    if (found.nlink > 1 && !found.isDirectory()) {
      const identity = `${found.dev}:${found.ino}`;
      if (this.#linked.has(identity)) return 0;
      this.#linked.add(identity);
    }
    return found.blocks * blockBytes;
  }
}

async function stat(place: string): Promise<Stats | undefined> {
  try {
    return await fs.lstat(place);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR', 'ESTALE', 'EACCES', 'EPERM')) return undefined;
    throw thrown;
  }
}
