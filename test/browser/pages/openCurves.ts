import type { Page } from 'playwright-core';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';
import type { CurvesState, FromCurvesPage } from '../../../src/protocol/pageMessages.ts';
import { emptyState, FakeHost, fakeRun, valueAt } from './fakeRuns.ts';
import type { PageHost } from './pageHost.ts';
import type { ThemeName } from './themes.ts';

export const three: RunSummary[] = [
  fakeRun(1, '610m-clm-10k-mlm40-42k'),
  fakeRun(2, '610m-mlm40-42k', {
    state: 'finished',
    step: 4200,
    secondsLeft: null,
    phases: [{ objective: 'mlm', until: 4200 }],
    loss: 2.42,
    setup: 'bbbbbbbbbbbb',
  }),
  fakeRun(3, '610m-clm-42k', { phases: [{ objective: 'clm', until: 4200 }], setup: 'cccccccccccc' }),
];

export interface CurvesOptions {
  theme?: ThemeName;
  runs?: RunSummary[];
  value?: (run: number, metric: string, step: number) => number;
  state?: Partial<CurvesState>;
  width?: number;
  height?: number;
  prepare?: (fake: FakeHost) => void;
}

export interface OpenCurves {
  page: Page;
  problems: string[];
  fake: FakeHost;
  /** The state that the page saved last. */
  saved: () => Promise<CurvesState>;
  /** Answers until the page asks for nothing more. */
  settle: () => Promise<void>;
}

/** The curves page with these runs on show and their points drawn. */
export async function openCurves(host: PageHost, options: CurvesOptions = {}): Promise<OpenCurves> {
  const { theme = 'dark', runs = three, value = valueAt, state = {}, width = 900, height = 900 } = options;
  const { page, problems } = await host.open('curves', theme, width, height);
  const fake = new FakeHost(page, value);
  options.prepare?.(fake);
  await fake.send({ type: 'snapshot', runs, state: emptyState(runs, state) });
  await page.waitForFunction(() => document.querySelectorAll('.panel').length > 0);
  const settle = async (): Promise<void> => {
    if (problems.length > 0) throw new Error(problems.join());
    do await frames(page, 2);
    while ((await fake.answer(2000)).length > 0);
    await page.waitForFunction(
      () => document.querySelector('.charts')?.getAttribute('aria-busy') === 'false',
    );
    await frames(page, 2);
  };
  await settle();
  const saved = async (): Promise<CurvesState> => {
    const last = (await fake.posted()).findLast((m) => m.type === 'state');
    return last?.type === 'state' ? last.state : emptyState(runs, state);
  };
  return { page, problems, fake, saved, settle };
}

/** Waits until so many frames were drawn. */
export async function frames(page: Page, count: number): Promise<void> {
  await page.evaluate(
    (n) =>
      new Promise<void>((done) => {
        const next = (left: number): void => {
          if (left === 0) done();
          else requestAnimationFrame(() => next(left - 1));
        };
        next(n);
      }),
    count,
  );
}

/** Waits for a message of the page of this type that fits. */
export async function posted<T extends FromCurvesPage['type']>(
  page: Page,
  type: T,
): Promise<Extract<FromCurvesPage, { type: T }>> {
  const found = await page.waitForFunction(
    (wanted) =>
      (globalThis as unknown as { posted: { type: string }[] }).posted.findLast((m) => m.type === wanted),
    type,
  );
  return (await found.jsonValue()) as Extract<FromCurvesPage, { type: T }>;
}

/** The places of a chart's plot on the page. */
export async function plotBox(page: Page, metric = 'loss') {
  const box = (await page.locator(`canvas[data-metric="${metric}"]`).boundingBox())!;
  const left = box.x + 46;
  return { left, right: box.x + box.width - 8, top: box.y + 4, middle: box.y + box.height / 2, box };
}
