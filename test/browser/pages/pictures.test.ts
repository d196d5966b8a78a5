import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { LaunchCheck } from '../../../src/protocol/controlApi.ts';
import { comparePicture, difference, type MadeWith, madeWith, pictures } from './comparePictures.ts';
import { compareState, FakeCompareHost, fakeRunToCompare } from './fakeComparison.ts';
import { FakeHost, fakeRun } from './fakeRuns.ts';
import { openCompare, pinnedHot, seeded } from './openCompare.ts';
import { type CurvesOptions, openCurves } from './openCurves.ts';
import { type OpenPage, PageHost } from './pageHost.ts';
import { type ThemeName, themeNames } from './themes.ts';

let host: PageHost;
let tool: Page;
let now: MadeWith;
before(async () => {
  host = await PageHost.start();
  tool = await host.browser.newPage();
  now = await madeWith(host.browser, tool);
});
after(() => host.stop());

const size = { width: 760, height: 640 };
const seeds = Array.from({ length: 3 }, (_, i) => fakeRun(i + 1, `210m-s${i}`, { setup: 'same' }));
const singles = [
  fakeRunToCompare(1, '210m-clm-1k-mlm40-4.2k', { peak: 5e-4, setup: 'a' }),
  fakeRunToCompare(2, '210m-clm-1k-mlm40-4.2k-hot', { peak: 1e-3, setup: 'b', node: 'borealis' }),
];
const check: LaunchCheck = {
  ...{ data: 'world', name: '610m-clm-10k-mlm40-42k', steps: 42000, tokens: 96.6e9, parameters: 610e6 },
  phases: [
    { objective: 'clm', from: 0, until: 10000 },
    { objective: 'mlm', from: 10000, until: 42000, maskRatio: [0.4] },
  ],
  schedule: { warmup: 2000, decayStart: 40000, peak: 5e-4 },
  ...{ plannedBytes: 21e9, checkpointBytes: 8e9, memoryFreeBytes: 140e9, diskFreeBytes: 2e12 },
  ...{ fits: true, sentences: [], secondsExpected: 91000, node: 'atlas', setup: [] },
  differences: ['phase 1 (clm), ends at step: 21,000 → 10,000'],
  lastRun: '610m-clm-21k-mlm40-42k',
};

const curves =
  (options: CurvesOptions) =>
  (theme: ThemeName): Promise<OpenPage> =>
    openCurves(host, { theme, ...size, ...options });

const scenes: Record<string, (theme: ThemeName) => Promise<OpenPage>> = {
  curves: curves({}),
  'curves-seeds': curves({ runs: seeds, state: { groupSeeds: true, smoothing: 50 } }),
  'curves-table': curves({ state: { table: true } }),
  compare: async (theme) => {
    const { page, problems } = await host.open('compare', theme, size.width, size.height);
    const fake = new FakeCompareHost(page, singles);
    await fake.sendAll(compareState(singles));
    await page.locator('.comparison tbody tr').first().waitFor();
    await fake.answerAll();
    return { page, problems };
  },
  'compare-baseline': async (theme) => {
    const { page, problems } = await openCompare(host, seeded, pinnedHot, { theme, ...size });
    await page.locator('td.worse').first().waitFor();
    return { page, problems };
  },
  check: async (theme) => {
    const { page, problems } = await host.open('check', theme, size.width, size.height);
    await new FakeHost(page).send({ type: 'check', yaml: 'model: 610m\n', starting: false, check });
    await page.getByText('It fits').waitFor();
    return { page, problems };
  },
};

for (const [name, open] of Object.entries(scenes))
  test(`the ${name} page looks as it was kept, in every theme`, async () => {
    const wrong: string[] = [];
    for (const theme of themeNames) {
      const { page, problems } = await open(theme);
      assert.deepEqual(problems, []);
      const found = await comparePicture(page, tool, `${name}-${theme}`, now);
      if (found !== undefined) wrong.push(found);
      await page.close();
    }
    assert.deepEqual(wrong, []);
  });

test('kept pictures are few and small, so that the repository stays so', () => {
  const files = fs.readdirSync(pictures);
  const wanted = Object.keys(scenes).flatMap((name) => themeNames.map((theme) => `${name}-${theme}.png`));
  assert.deepEqual(files.filter((file) => file.endsWith('.png')).sort(), wanted.sort());
  const bytes = files.reduce((sum, file) => sum + fs.statSync(path.join(pictures, file)).size, 0);
  assert.ok(bytes < 2e6, `${bytes}`);
});

test('the comparison sees another theme, and a page without its curves', async () => {
  const { page } = await openCurves(host, size);
  const before = await page.screenshot();
  assert.deepEqual(await difference(tool, before, before), {
    ...{ sameSize: true, pixels: 0, blocks: 0, colours: [] },
  });
  await page.evaluate(() => {
    for (const canvas of document.querySelectorAll('canvas')) canvas.style.visibility = 'hidden';
  });
  assert.ok((await difference(tool, before, await page.screenshot())).pixels > 0.01);
  const light = await openCurves(host, { theme: 'light', ...size });
  const found = await difference(tool, before, await light.page.screenshot());
  assert.ok(found.colours.includes('#1f1f1f') && found.blocks > 0.5);
  await page.close();
  await light.page.close();
});
