import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import type { MetricNumber, Progress } from '../../protocol/runDirectory.ts';
import { runFiles } from '../../protocol/runDirectory.ts';

/** JSON has no NaN and no infinities: they travel as strings. */
export function metricNumber(value: number): MetricNumber {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return 'Infinity';
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity';
  return value;
}

/** Opens a file for lines; where the last one was cut off by a crash, a newline ends it first. */
export function openLines(file: string): number {
  const handle = fs.openSync(file, fs.constants.O_APPEND | fs.constants.O_CREAT | fs.constants.O_RDWR, 0o600);
  const { size } = fs.fstatSync(handle);
  const last = new Uint8Array(1);
  if (size > 0 && fs.readSync(handle, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a)
    fs.writeSync(handle, '\n');
  return handle;
}

/** The trainer's files in a run directory: one write a line, progress by rename. */
export class RunWriter {
  readonly folder: string;
  readonly segment: number;
  readonly #metrics: number;
  readonly #events: number;

  constructor(folder: string, segment: number) {
    this.folder = folder;
    this.segment = segment;
    this.#metrics = openLines(path.join(folder, runFiles.metrics));
    this.#events = openLines(path.join(folder, runFiles.events));
  }

  metrics(at: { step: number; tokens: number; elapsed: number }, values: Record<string, number>): void {
    const metrics = Object.fromEntries(Object.entries(values).map(([name, v]) => [name, metricNumber(v)]));
    this.#append(this.#metrics, runFiles.metrics, {
      segment: this.segment,
      step: at.step,
      tokens: at.tokens,
      time: Date.now() / 1000,
      elapsed: Math.round(at.elapsed * 1000) / 1000,
      metrics,
    });
  }

  event(step: number, type: string, message?: string): void {
    this.#append(this.#events, runFiles.events, {
      segment: this.segment,
      step,
      time: Date.now() / 1000,
      type,
      ...(message === undefined ? {} : { message }),
    });
  }

  /** Defaults filled in, hashes, engine: what this segment computes with. */
  resolved(content: object): void {
    this.#replace(runFiles.resolved(this.segment), content);
  }

  progress(progress: Progress): void {
    this.#replace(runFiles.progress, progress);
  }

  close(): void {
    fs.closeSync(this.#metrics);
    fs.closeSync(this.#events);
  }

  #append(handle: number, name: string, value: object): void {
    const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
    try {
      const written = fs.writeSync(handle, bytes);
      if (written === bytes.length) return;
      throw Object.assign(new Error('short write'), { code: 'ENOSPC' });
    } catch (cause) {
      throw this.#explain(cause, name);
    }
  }

  #replace(name: string, content: object): void {
    const file = path.join(this.folder, name);
    const temporary = `${file}.tmp`;
    try {
      fs.writeFileSync(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 });
      fs.renameSync(temporary, file);
    } catch (cause) {
      fs.rmSync(temporary, { force: true });
      throw this.#explain(cause, name);
    }
  }

  #explain(cause: unknown, name: string): BiphaseError {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT')
      return new BiphaseError('missing', `The run directory ${this.folder} is gone.`, { cause });
    if (code === 'ENOSPC' || code === 'EDQUOT')
      return new BiphaseError('full', `The disk is full: ${name} could not be written in ${this.folder}.`, {
        next: 'What was saved is intact. Free space and resume the run.',
        cause,
      });
    return toBiphaseError(cause);
  }
}
