// Runs on this computer that have been recorded for long: their folders, and control's store as if it had followed them.
import fs from 'node:fs';
import path from 'node:path';
import { ownIdentity, thisMachine } from '../../../src/agent/processTable.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import { runFiles } from '../../../src/protocol/runDirectory.ts';
import type { PrivateHome } from '../../support/privateHome.ts';
import { writeRunFolder } from '../../support/runFolder.ts';

export const metrics = ['loss', 'gradNorm', 'learningRate', 'tokensPerSecond'];
const linesAtOnce = 4000;

export interface RecordedRun {
  run: string;
  folder: string;
  seed: number;
  /** Its last one. */
  step: number;
}

/** A line as the trainer writes it; `time` in Unix seconds. */
export function recordedLine(seed: number, step: number, time: number): string {
  const wave = Math.sin(step * 12.9898 + seed * 78.233) * 43_758.5453;
  const noise = wave - Math.floor(wave);
  const values = {
    loss: 2.2 + seed * 0.01 + 7 * Math.exp(-step / 4000) + 0.16 * noise,
    gradNorm: 0.4 + seed * 0.005 + 0.2 * noise,
    learningRate: 5e-4 * (1 + seed / 100) * Math.min(1, step / 2000),
    tokensPerSecond: 18_000 + 40 * seed + Math.round(900 * noise),
  };
  return `${JSON.stringify({ segment: 0, step, tokens: step * 4096, time, elapsed: step * 0.2, metrics: values })}\n`;
}

/** How a run that is at work names its processes: those of this one. */
export const atWork = {
  state: 'running',
  machine: { host: thisMachine.host, bootId: thisMachine.bootId },
  process: ownIdentity(thisMachine),
} as const;

/** Writes `count` runs of `steps` steps under the person's root; the first `live` of them are at work. */
export function writeRecordedRuns(
  person: PrivateHome,
  { count, steps, live }: { count: number; steps: number; live: number },
): RecordedRun[] {
  const state = path.join(person.home, '.local/state/biphase');
  fs.mkdirSync(state, { recursive: true, mode: 0o700 });
  const store = new CacheStore(path.join(state, 'cache.db'));
  try {
    return Array.from({ length: count }, (_, index) => writeOne(person, store, index, steps, index < live));
  } finally {
    store.close();
  }
}

function writeOne(
  person: PrivateHome,
  store: CacheStore,
  index: number,
  steps: number,
  live: boolean,
): RecordedRun {
  const run = `20260101-${String(index).padStart(8, '0')}`;
  const file = {
    model: 'mini',
    data: { source: 'world' },
    phases: [
      { objective: 'clm', until: Math.max(1, Math.floor(steps / 4)) },
      { objective: 'mlm', until: 4 * steps },
    ],
    seed: index % 5,
    schedule: { peak: 1e-3 + 1e-6 * Math.floor(index / 5) },
  };
  const folder = writeRunFolder(path.join(person.home, '.biphase'), run, {
    name: `210m-clm-${Math.floor(index / 5)}k-mlm40`,
    file,
    ...(live ? atWork : { state: 'finished' as const }),
  });
  const place = path.join(folder, runFiles.metrics);
  const fd = fs.openSync(place, 'w');
  const { dev, ino } = fs.fstatSync(fd, { bigint: true });
  let offset = 0;
  for (let first = 1; first <= steps; first += linesAtOnce) {
    let text = '';
    for (let step = first; step < Math.min(first + linesAtOnce, steps + 1); step++)
      text += recordedLine(index, step, 1.75e9 + step * 0.2);
    const bytes = Buffer.from(text);
    fs.writeSync(fd, bytes);
    store.addBytes(run, {
      ...{ file: 'metrics.jsonl', offset, identity: `${dev}:${ino}`, reset: false },
      bytes,
    });
    offset += bytes.length;
  }
  fs.closeSync(fd);
  return { run, folder, seed: index, step: steps };
}

/** Writes lines into runs by turns, and keeps when each was written. */
export class LiveWriter {
  /** By run: the step of the first line written here, and Unix milliseconds before each was written. */
  readonly written = new Map<string, { first: number; times: number[] }>();
  readonly #runs: readonly RecordedRun[];
  readonly #timer: NodeJS.Timeout;
  #turn = 0;

  constructor(runs: readonly RecordedRun[], linesPerSecond: number) {
    this.#runs = runs;
    const started = performance.now();
    let done = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - started) * linesPerSecond) / 1000;
      for (; done < due; done++) this.#write();
    }, 5);
  }

  get lines(): number {
    return this.#turn;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #write(): void {
    const run = this.#runs[this.#turn++ % this.#runs.length]!;
    run.step++;
    const now = Date.now();
    const written = this.written.get(run.run) ?? { first: run.step, times: [] };
    this.written.set(run.run, written);
    written.times.push(now);
    fs.appendFileSync(path.join(run.folder, runFiles.metrics), recordedLine(run.seed, run.step, now / 1000));
  }
}
