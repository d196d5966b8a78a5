import fs from 'node:fs';

const largestBytes = 1 << 20;

/** `control.log`: one line a message; beyond 1 MiB the old part becomes `control.log.1`. */
export class LogFile {
  readonly #file: string;
  #bytes: number;

  constructor(file: string) {
    this.#file = file;
    this.#bytes = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  write(message: string): void {
    const line = `${new Date().toISOString()} ${process.pid} ${message}\n`;
    try {
      if (this.#bytes > largestBytes) {
        fs.renameSync(this.#file, `${this.#file}.1`);
        this.#bytes = 0;
      }
      fs.appendFileSync(this.#file, line, { mode: 0o600 });
      this.#bytes += Buffer.byteLength(line);
    } catch {
      // A full disk must not end control: its clients are told what matters.
    }
  }
}
