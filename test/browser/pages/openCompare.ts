import type { Locator, Page } from 'playwright-core';
import type { CompareState } from '../../../src/protocol/comparePage.ts';
import {
  compareState,
  FakeCompareHost,
  type FakeRun,
  fakeRunToCompare,
  type ValueAt,
} from './fakeComparison.ts';
import type { PageHost } from './pageHost.ts';
import type { ThemeName } from './themes.ts';

/** Three setups with different peaks, one run each. */
export const singles = [
  fakeRunToCompare(1, '210m-clm-1k-mlm40-4.2k', { peak: 5e-4, setup: 'a' }),
  fakeRunToCompare(2, '210m-clm-1k-mlm40-4.2k-hot', { peak: 1e-3, setup: 'b', node: 'borealis' }),
  fakeRunToCompare(3, '210m-small-vocabulary', { tokenizer: 4096, setup: 'c', bundle: 'ffff0000ffff0000' }),
];

/** Two setups with five seeds each, clearly apart, and a third one between them. */
export const seeded = [0, 1, 2, 3, 4].flatMap((seed) => [
  fakeRunToCompare(10 + seed, 'base', { setup: 'a', seed, validation: 2.4 + [0, 1, 2, 1, 3][seed]! * 0.004 }),
  fakeRunToCompare(20 + seed, 'hot', {
    setup: 'b',
    seed,
    peak: 1e-3,
    validation: 2.3 + [1, 0, 3, 2, 1][seed]! * 0.004,
  }),
  fakeRunToCompare(30 + seed, 'warm', {
    setup: 'c',
    seed,
    peak: 8e-4,
    validation: 2.403 + [3, 0, 2, 4, 1][seed]! * 0.004,
  }),
]);

/** The state with the first seed of `hot` pinned. */
export const pinnedHot: Partial<CompareState> = { baseline: seeded[1]!.run.run, differenceCurves: true };

export interface OpenedCompare {
  page: Page;
  problems: string[];
  fake: FakeCompareHost;
}

export interface CompareOptions {
  theme?: ThemeName;
  width?: number;
  height?: number;
  value?: ValueAt;
}

/** The compare page with these runs and their curves drawn. */
export async function openCompare(
  host: PageHost,
  runs: readonly FakeRun[],
  change: Partial<CompareState> = {},
  { theme = 'dark', width = 1100, height = 900, value }: CompareOptions = {},
): Promise<OpenedCompare> {
  const { page, problems } = await host.open('compare', theme, width, height);
  const fake = new FakeCompareHost(page, runs, value);
  await fake.sendAll(compareState(runs, change));
  await page.locator('.comparison tbody tr').first().waitFor();
  await fake.answerAll();
  return { page, problems, fake };
}

export function rowOf(page: Page, label: string): Locator {
  return page.locator('.comparison tbody tr', { has: page.locator('.row-head', { hasText: label }) }).first();
}

export function cellsOf(page: Page, label: string): Promise<string[]> {
  return rowOf(page, label).locator('td:not(.spacer)').allInnerTexts();
}

export function headsOf(page: Page): Promise<string[]> {
  return page.locator('.column-head .name').allInnerTexts();
}
