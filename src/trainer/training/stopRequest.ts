import fs from 'node:fs';
import path from 'node:path';
import { runFiles } from '../../protocol/runDirectory.ts';

/** Thrown between two passes where somebody asked for a stop. */
export class StopRequested extends Error {
  constructor() {
    super('stop requested');
    this.name = 'StopRequested';
  }
}

const lookEveryMs = 500;

/** Whether the run was asked to stop: by `requests/stop`, or by a signal. */
export class StopRequest {
  readonly #file: string;
  #nextLook = 0;
  #asked = false;

  constructor(runFolder: string) {
    this.#file = path.join(runFolder, runFiles.stopRequest);
  }

  /** A signal asks at once. */
  ask(): void {
    this.#asked = true;
  }

  asked(): boolean {
    const now = performance.now();
    if (!this.#asked && now >= this.#nextLook) {
      this.#nextLook = now + lookEveryMs;
      this.#asked = fs.existsSync(this.#file);
    }
    return this.#asked;
  }

  /** Removes a request that was meant for an earlier segment, which began before `startedAt` (unix seconds). */
  forget(startedAt: number): void {
    const stat = fs.statSync(this.#file, { throwIfNoEntry: false });
    if (stat && stat.mtimeMs / 1000 < startedAt) fs.rmSync(this.#file, { force: true });
  }

  /** The request is fulfilled. */
  done(): void {
    fs.rmSync(this.#file, { force: true });
  }
}
