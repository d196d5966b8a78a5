import type { Page } from 'playwright-core';
import type { EncodedDelta, SeriesService } from '../../../src/control/runs/seriesService.ts';
import { encodeSeries } from '../../../src/core/seriesBytes.ts';
import { Smoother } from '../../../src/core/smoothing.ts';
import type {
  PointsDelta,
  RunSummary,
  SeriesHeader,
  SeriesRequest,
} from '../../../src/protocol/controlApi.ts';
import type { CurvesState, FromCurvesPage } from '../../../src/protocol/pageMessages.ts';

export function fakeRun(index: number, name: string, change: Partial<RunSummary> = {}): RunSummary {
  return {
    run: `20260101-${String(index).padStart(8, '0')}`,
    node: 'atlas',
    name,
    launchedName: name,
    tags: [],
    group: null,
    archived: false,
    baseline: false,
    kind: 'pretrain',
    state: 'running',
    asOf: 1.75e9,
    connected: true,
    createdAt: 1.75e9,
    segment: 0,
    step: 2000,
    totalSteps: 4200,
    tokens: 2000 * 4096,
    tokensPerSecond: 18400,
    loss: 2.31,
    secondsLeft: 14400,
    doing: 'training',
    checkpoints: [1000, 2000],
    phases: [
      { objective: 'clm', until: 1000 },
      { objective: 'mlm', until: 4200 },
    ],
    decayStart: 1800,
    metrics: ['loss', 'validation/loss/mlm', 'learningRate', 'gradNorm', 'tokensPerSecond'],
    flopsPerToken: 6e7,
    seed: index,
    setup: 'aaaaaaaaaaaa',
    parent: null,
    unreadableLines: 0,
    onNode: true,
    ...change,
  };
}

export function emptyState(runs: readonly RunSummary[], change: Partial<CurvesState> = {}): CurvesState {
  return {
    runs: runs.map((r) => r.run),
    metrics: [],
    x: 'step',
    logX: false,
    logY: false,
    smoothing: null,
    robust: [],
    groupSeeds: false,
    pinned: null,
    all: false,
    filter: '',
    linked: true,
    table: false,
    hidden: [],
    range: null,
    styles: {},
    ...change,
  };
}

/** A plausible value of a metric at a step; the same call gives the same value. */
export function valueAt(run: number, metric: string, step: number): number {
  const noise = Math.sin(step * 12.9898 + run * 78.233) * 43758.5453;
  const u = noise - Math.floor(noise) - 0.5;
  const jump = step > 1000 ? 0.9 * Math.exp(-(step - 1000) / 150) : 0;
  const loss = 2.2 + run * 0.07 + 6.5 * Math.exp(-step / 220) + jump;
  if (metric === 'loss') return loss + u * 0.16;
  if (metric.startsWith('validation')) return loss + 0.08;
  if (metric === 'learningRate')
    return 5e-4 * Math.min(1, (step + 1) / 200, Math.max(0.02, (2400 - step) / 600));
  if (metric === 'gradNorm') return 0.5 + 2 * Math.exp(-step / 150) + u * 0.12;
  return 18000 + u * 900 + run * 300;
}

interface Points {
  step: number[];
  y: number[];
}

/** A step in the units of the axis, as `fakeRun` has them: 4,096 tokens and 0.2 s a step, 4,200 steps. */
const perStep = { step: 1, tokens: 4096, flops: 2.5e11, time: 0.2, share: 1 / 4200 };

interface Packing {
  x?: SeriesRequest['x'];
  smoother?: Smoother;
  /** The segment of a step; all are of the first one where it is absent. */
  segmentOf?: (step: number) => number;
}

function pack(points: Points, { x = 'step', smoother, segmentOf = () => 0 }: Packing = {}): string {
  const bytes = encodeSeries({
    x: Float64Array.from(points.step, (step) => step * perStep[x]),
    y: Float64Array.from(points.y),
    ...(smoother ? { smooth: Float64Array.from(points.y, (y, i) => smoother.next(points.step[i]!, y)) } : {}),
    step: Uint32Array.from(points.step),
    segment: Uint16Array.from(points.step, segmentOf),
  });
  return Buffer.from(bytes).toString('base64');
}

function storedSeries(
  service: SeriesService,
  request: SeriesRequest,
): { header: SeriesHeader; bytes: string } {
  const { value, binary } = service.snapshot(request);
  return { header: value, bytes: Buffer.from(binary ?? []).toString('base64') };
}

/** The extension's part: answers `series` requests of the page from made-up values, or from a store. */
export class FakeHost {
  private readonly page: Page;
  private answered = 0;
  /** Answers as control does. */
  service: SeriesService | undefined;
  /** What was answered, the newest last. */
  readonly answers: SeriesHeader[] = [];
  private readonly phaseEnds = new Map<string, number[]>();
  versions = new Map<string, number>();
  /** First step of each metric that does not begin at the beginning. */
  readonly begins = new Map<string, number>();
  /** Last step of each metric that does not go on to the end. */
  readonly endings = new Map<string, number>();
  /** Runs without any point. */
  readonly without = new Set<string>();
  /** The segment of a step: a resumed run has several. */
  segmentOf: ((step: number) => number) | undefined;
  private readonly value: (run: number, metric: string, step: number) => number;

  constructor(page: Page, value = valueAt) {
    this.page = page;
    this.value = value;
  }

  async posted(): Promise<FromCurvesPage[]> {
    return this.page.evaluate(() => (globalThis as unknown as { posted: never[] }).posted);
  }

  async send(message: object, base64?: string): Promise<void> {
    if ('runs' in message)
      for (const { run, phases } of message.runs as RunSummary[])
        this.phaseEnds.set(
          run,
          phases.slice(0, -1).map(({ until }) => until),
        );
    await this.page.evaluate(
      ([m, b]) =>
        window.postMessage(
          b ? { ...m, binary: Uint8Array.from(atob(b), (c) => c.charCodeAt(0)).buffer } : m,
          '*',
        ),
      [message, base64] as const,
    );
  }

  /** Answers what was asked since the last call; `upTo`: last step that exists. */
  async answer(upTo: number): Promise<SeriesRequest[]> {
    const asked = (await this.posted()).slice(this.answered);
    this.answered += asked.length;
    const requests: SeriesRequest[] = [];
    for (const message of asked) {
      if (message.type !== 'series') continue;
      requests.push(message.series);
      const { header, bytes } = this.service
        ? storedSeries(this.service, message.series)
        : this.madeUpSeries(message.series, upTo);
      this.answers.push(header);
      this.versions.set(`${header.run} ${header.metric}`, header.version);
      await this.send({ type: 'series', request: message.request, header }, bytes);
    }
    return requests;
  }

  private madeUpSeries(
    { run, metric, x, from, to, smoothing }: SeriesRequest,
    upTo: number,
  ): { header: SeriesHeader; bytes: string } {
    const every = metric.startsWith('validation') ? 200 : Math.max(1, Math.floor(upTo / 1000));
    const points: Points = { step: [], y: [] };
    const last = this.without.has(run) ? 0 : Math.min(upTo, this.endings.get(metric) ?? upTo);
    for (let step = every; step <= last; step += every)
      if (step >= Math.max(from ?? 0, this.begins.get(metric) ?? 0) && step <= (to ?? upTo)) {
        points.step.push(step);
        points.y.push(this.value(Number(run.slice(9)), metric, step));
      }
    const phaseEnds = this.phaseEnds.get(run) ?? [];
    const smoother = smoothing === null ? undefined : new Smoother(smoothing, phaseEnds);
    const bytes = pack(points, { x, smoother, segmentOf: this.segmentOf });
    const header: SeriesHeader = {
      ...{ run, metric, x, version: 1, total: upTo, points: points.step.length, bucket: every },
      smoothing: smoother ? { halfLife: smoothing!, phaseEnds, carry: smoother.carry } : null,
    };
    return { header, bytes };
  }

  /** What a store tells of new points. */
  async tell(deltas: readonly EncodedDelta[]): Promise<void> {
    for (const { data, binary } of deltas)
      await this.send({ type: 'points', deltas: [data] }, Buffer.from(binary).toString('base64'));
  }

  async append(run: string, metric: string, step: number, follows?: number): Promise<void> {
    const key = `${run} ${metric}`;
    const before = follows ?? this.versions.get(key) ?? 0;
    this.versions.set(key, before + 1);
    const delta: PointsDelta = {
      run,
      metric,
      x: 'step',
      version: before + 1,
      total: step,
      points: 1,
      bucket: 1,
      follows: before,
      reset: false,
      ends: { tokens: step * 4096, flops: step * 2.5e11, time: step * 0.2, share: step / 4200 },
    };
    const y = this.value(Number(run.slice(9)), metric, step);
    await this.send({ type: 'points', deltas: [delta] }, pack({ step: [step], y: [y] }));
  }
}
