import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { sha256Schema } from '../../protocol/fileList.ts';

/** Files remembered; of a corpus of more the rest is hashed again. */
const mostFiles = 500_000;
/** A file that was just written may be written again without a new time. */
const restMs = 2000;

type Known = Map<string, { stamp: string; sha256: string }>;
const lineSchema = z.object({ file: z.string(), stamp: z.string(), sha256: sha256Schema });

/**
 * SHA-256 of files of this machine by path and stamp (size, time, inode), in one file that is only appended to: what was
 * hashed before a cancel is known afterwards. May be deleted at any time.
 */
export class HashMemo {
  readonly #file: string;
  #known: Known | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  get(file: string, stamp: string): string | undefined {
    const known = this.#load().get(file);
    return known?.stamp === stamp ? known.sha256 : undefined;
  }

  /** `modifiedMs`: when the file was written, in milliseconds since 1970. */
  add(file: string, stamp: string, sha256: string, modifiedMs: number): void {
    if (Math.abs(Date.now() - modifiedMs) < restMs) return;
    this.#load().set(file, { stamp, sha256 });
    // A memo that cannot be written costs time, no more.
    try {
      fs.appendFileSync(this.#file, `${JSON.stringify({ file, stamp, sha256 })}\n`, { mode: 0o600 });
    } catch {
      return;
    }
  }

  #load(): Known {
    if (this.#known) return this.#known;
    const known: Known = new Map();
    let lines: string[] = [];
    try {
      lines = fs.readFileSync(this.#file, 'utf8').split('\n');
    } catch {
      // Nothing was hashed yet.
    }
    for (const line of lines) {
      const entry = parse(line);
      if (!entry) continue;
      known.delete(entry.file);
      known.set(entry.file, { stamp: entry.stamp, sha256: entry.sha256 });
    }
    this.#known = known;
    if (lines.length > 2 * known.size + 1000 || known.size > mostFiles) this.#compact(known);
    return this.#known;
  }

  #compact(known: Known): void {
    const newest = [...known].slice(-mostFiles);
    this.#known = new Map(newest);
    const text = newest.map(([file, entry]) => `${JSON.stringify({ file, ...entry })}\n`).join('');
    const part = `${this.#file}.${process.pid}.part`;
    try {
      fs.mkdirSync(path.dirname(this.#file), { recursive: true });
      fs.writeFileSync(part, text, { mode: 0o600 });
      fs.renameSync(part, this.#file);
    } catch {
      fs.rmSync(part, { force: true });
    }
  }
}

function parse(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
