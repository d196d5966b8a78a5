import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../../core/clock.ts';
import { type Exit, runFiles } from '../../protocol/runDirectory.ts';
import { hasCode, writeByRename } from '../files.ts';

const reservedBytes = 2048;
const retries = 30;

/** Keeps space for exit.json, so that a run that filled the disk can still say how it ended. */
export class ExitRecord {
  readonly #directory: string;
  readonly #reserve: string;

  constructor(runDirectory: string) {
    this.#directory = runDirectory;
    this.#reserve = path.join(runDirectory, runFiles.locks, `exit.${process.pid}.reserve`);
    fs.writeFileSync(this.#reserve, 'x'.repeat(reservedBytes), { mode: 0o600 });
  }

  /** Writes exit.json whole. Gives up quietly when the run directory is gone. */
  async write(exit: Exit): Promise<void> {
    const text = `${JSON.stringify(exit)}\n`;
    for (let attempt = 0; ; attempt++) {
      try {
        if (Buffer.byteLength(text) <= reservedBytes && fs.existsSync(this.#reserve)) this.#fillReserve(text);
        else writeByRename(path.join(this.#directory, runFiles.exit), text);
        return;
      } catch (thrown) {
        if (hasCode(thrown, 'ENOENT', 'ENOTDIR') && !fs.existsSync(this.#directory)) return;
        if (attempt >= retries) throw thrown;
        await sleep(scaledMs(2000));
      }
    }
  }

  /** Overwrites bytes that are allocated already; blanks behind a JSON text do not matter. */
  #fillReserve(text: string): void {
    const fd = fs.openSync(this.#reserve, 'r+');
    try {
      const padding = ' '.repeat(reservedBytes - Buffer.byteLength(text));
      fs.writeSync(fd, text + padding, 0);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(this.#reserve, path.join(this.#directory, runFiles.exit));
  }
}
