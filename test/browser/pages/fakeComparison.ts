import type { Page } from 'playwright-core';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { specTexts } from '../../../src/core/runDifferences.ts';
import { encodeSeries } from '../../../src/core/seriesBytes.ts';
import type { CompareRun, CompareState, FromComparePage } from '../../../src/protocol/comparePage.ts';
import type { ComparedMetric, ComparedRun } from '../../../src/protocol/comparison.ts';
import type { PointsDelta, SeriesHeader } from '../../../src/protocol/controlApi.ts';

/** A run with what a comparison knows of it. */
export interface FakeRun {
  run: CompareRun;
  fact: ComparedRun;
}

export interface FakeSetup {
  peak?: number;
  node?: string;
  seed?: number;
  setup?: string | null;
  tokenizer?: number;
  bundle?: string;
  /** Final and best validation loss. */
  validation?: number | 'NaN';
  change?: Partial<CompareRun>;
  fact?: Partial<ComparedRun>;
}

export const stepsOfFakeRuns = 4200;

export function fakeRunToCompare(index: number, name: string, setup: FakeSetup = {}): FakeRun {
  const { peak = 5e-4, node = 'atlas', seed = 0, tokenizer = 8192, bundle = 'a1b2c3d4e5f60718' } = setup;
  const run = `20260101-${String(index).padStart(8, '0')}`;
  const file = resolveRunFile(
    parseRunFile({
      name: 'any',
      model: '210m',
      data: { source: 'hub:HuggingFaceFW/fineweb-edu', tokenizer: { train: { vocabSize: tokenizer } } },
      phases: [
        { objective: 'clm', until: 1000 },
        { objective: 'mlm', until: stepsOfFakeRuns },
      ],
      schedule: { peak },
      seed,
    }),
  );
  const validation = setup.validation ?? 2.4 + index * 0.02;
  return {
    run: {
      ...{ run, name, node, state: 'finished', createdAt: 1.75e9, seed, setup: setup.setup ?? null },
      ...{ step: stepsOfFakeRuns, totalSteps: stepsOfFakeRuns, tokens: 9.6e9, flopsPerToken: 1.3e9 },
      phases: file.phases.map(({ objective, until }) => ({ objective, until })),
      ...{ cores: 64, gpus: 1, parent: null, children: [] },
      ...setup.change,
    },
    fact: {
      run,
      spec: specTexts(file, { node, bundle }),
      problem: null,
      metrics: [
        metric('loss', 2.1 + index * 0.02, stepsOfFakeRuns),
        metric('validation/loss/mlm', validation, stepsOfFakeRuns),
        metric('gradNorm', 0.4, stepsOfFakeRuns),
        metric('learningRate', 0, stepsOfFakeRuns),
      ],
      elapsed: 36_000 + index * 600,
      tokensPerSecond: 18_400 - index * 250,
      threads: null,
      ...setup.fact,
    },
  };
}

export function metric(name: string, value: number | 'NaN', step: number): ComparedMetric {
  const finite = value !== 'NaN';
  const direction = name.includes('loss');
  return {
    name,
    points: 1000,
    nonFinite: finite ? 0 : 1000,
    last: { step, value },
    best: finite && direction ? { step: Math.max(0, step - 200), value: value - 0.004 } : null,
  };
}

export function compareState(runs: readonly FakeRun[], change: Partial<CompareState> = {}): CompareState {
  return {
    runs: runs.map(({ run }) => run.run),
    ...{ baseline: null, onlyDifferences: true, groupSeeds: true, differenceCurves: false, filter: '' },
    ...{ sortRows: 'group', metric: 'loss', table: false, sortColumns: null, styles: {} },
    ...change,
  };
}

/** A loss that falls, another one a run; validations every 200 steps. */
export function lossAt(index: number, step: number): number {
  const noise = Math.sin(step * 12.9898 + index * 78.233) * 43758.5453;
  return 2.1 + (index % 40) * 0.02 + 6 * Math.exp(-step / 300) + (noise - Math.floor(noise) - 0.5) * 0.1;
}

/** The value of a metric of the run with this index; undefined: no point there. */
export type ValueAt = (index: number, step: number, metric: string) => number | undefined;

/** The extension's part: sends runs in portions and answers for points. */
export class FakeCompareHost {
  readonly #page: Page;
  readonly #value: ValueAt;
  readonly #runs: readonly FakeRun[];
  #answered = 0;

  constructor(page: Page, runs: readonly FakeRun[], value: ValueAt = lossAt) {
    this.#page = page;
    this.#runs = runs;
    this.#value = value;
  }

  async posted(): Promise<FromComparePage[]> {
    return this.#page.evaluate(() => (globalThis as unknown as { posted: never[] }).posted);
  }

  async lastPosted<T extends FromComparePage['type']>(
    type: T,
  ): Promise<Extract<FromComparePage, { type: T }> | undefined> {
    return (await this.posted()).findLast((m) => m.type === type) as never;
  }

  async send(message: object, base64?: string): Promise<void> {
    await this.#page.evaluate(
      ([m, b]) =>
        window.postMessage(
          b ? { ...m, binary: Uint8Array.from(atob(b), (c) => c.charCodeAt(0)).buffer } : m,
          '*',
        ),
      [message, base64] as const,
    );
  }

  async sendAll(state: CompareState): Promise<void> {
    await this.send({ type: 'snapshot', state });
    for (let from = 0; from < this.#runs.length; from += 100) {
      const part = this.#runs.slice(from, from + 100);
      await this.send({ type: 'runs', runs: part.map(({ run }) => run), removed: [] });
    }
    for (let from = 0; from < this.#runs.length; from += 20) {
      const part = this.#runs.slice(from, from + 20);
      await this.send({ type: 'facts', facts: part.map(({ fact }) => fact) });
    }
  }

  /** Answers what was asked since, until nothing more is asked; answers with how many requests there were. */
  async answerAll(every = 10): Promise<number> {
    let count = 0;
    for (let quiet = 0; quiet < 3; ) {
      const asked = await this.#page.evaluate(
        (from) => (globalThis as unknown as { posted: FromComparePage[] }).posted.slice(from),
        this.#answered,
      );
      this.#answered += asked.length;
      const requests = asked.filter((m) => m.type === 'series');
      for (const message of requests) await this.#answer(message, every);
      count += requests.length;
      const all = await this.#page.evaluate(
        () => !/curves to come/.test(document.querySelector('.overlay-panel .note')?.textContent ?? ''),
      );
      quiet = requests.length === 0 && all ? quiet + 1 : 0;
      await this.#page.evaluate(() => new Promise((done) => setTimeout(done, 130)));
    }
    return count;
  }

  /** From now on the page answers itself, as fast as a control that has everything at hand: steps 20 apart. */
  async answerItself(): Promise<void> {
    await this.#page.evaluate((steps) => {
      const { posted } = globalThis as unknown as { posted: FromComparePage[] };
      let next = 0;
      const answer = () => {
        for (; next < posted.length; next++) {
          const message = posted[next]!;
          if (message.type !== 'series') continue;
          const { run, metric: name, x } = message.series;
          const n = steps / 20;
          const binary = new ArrayBuffer(n * 22);
          const [xs, ys] = [new Float64Array(binary, 0, n), new Float64Array(binary, n * 8, n)];
          const at = new Uint32Array(binary, n * 16, n);
          for (let i = 0; i < n; i++) {
            at[i] = xs[i] = (i + 1) * 20;
            ys[i] = 2 + (Number(run.slice(9)) % 40) / 50 + 6 * Math.exp(-i / 15) + Math.sin(i * 7.3) / 30;
          }
          const header = {
            run,
            metric: name,
            x,
            version: 1,
            total: n,
            points: n,
            bucket: 1,
            smoothing: null,
          };
          window.postMessage({ type: 'series', request: message.request, header, binary }, '*', [binary]);
        }
      };
      setInterval(answer, 5);
    }, stepsOfFakeRuns);
  }

  async #answer(
    { request, series }: Extract<FromComparePage, { type: 'series' }>,
    every: number,
  ): Promise<void> {
    const { run, metric: name, x } = series;
    const known = this.#runs.find((r) => r.run.run === run);
    const apart = name.startsWith('validation') ? 200 : every;
    const steps: number[] = [];
    if (known?.fact.metrics.some((m) => m.name === name))
      for (let step = apart; step <= known.run.step; step += apart)
        if (this.#value(Number(run.slice(9)), step, name) !== undefined) steps.push(step);
    const header: SeriesHeader = {
      ...{ run, metric: name, x, version: 1, total: steps.length, points: steps.length, bucket: 1 },
      smoothing: null,
    };
    await this.send({ type: 'series', request, header }, this.#pack(run, name, steps));
  }

  /** One more point; `follows`: the version before it. */
  async append(run: string, step: number, follows = 1): Promise<void> {
    const delta: PointsDelta = {
      ...{
        run,
        metric: 'loss',
        x: 'step',
        version: follows + 1,
        follows,
        reset: false,
        total: 1,
        points: 1,
        bucket: 1,
      },
      ends: { tokens: 0, flops: 0, time: 0, share: 0 },
    };
    await this.send({ type: 'points', deltas: [delta] }, this.#pack(run, 'loss', [step]));
  }

  #pack(run: string, name: string, steps: readonly number[]): string {
    const index = Number(run.slice(9));
    const offset = name.startsWith('validation') ? 0.1 : 0;
    const bytes = encodeSeries({
      x: Float64Array.from(steps),
      y: Float64Array.from(steps, (step) => this.#value(index, step, name)! + offset),
      step: Uint32Array.from(steps),
      segment: new Uint16Array(steps.length),
    });
    return Buffer.from(bytes).toString('base64');
  }
}
