import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { compareState, FakeCompareHost, fakeRunToCompare } from './fakeComparison.ts';
import { FakeHost } from './fakeRuns.ts';
import { launchCheck } from './launchCheck.ts';
import { frames, openCurves, three } from './openCurves.ts';
import { PageHost } from './pageHost.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

interface Posted {
  type: string;
  message?: string;
}

const run = three[0]!.run;
const delta = {
  ...{ run, metric: 'loss', x: 'step', version: 2, follows: 1, reset: false, total: 2001, points: 1 },
  ...{ bucket: 1, ends: { tokens: 0, flops: 0, time: 0, share: 0 } },
};
const header = {
  run,
  metric: 'loss',
  x: 'step',
  version: 2,
  total: 9,
  points: 9,
  bucket: 1,
  smoothing: null,
};

/** Messages that no host of a page sends. */
const wrongForEach = [
  { type: 'launchEverything' },
  { type: '__proto__' },
  { type: 'failed', message: 7 },
  { type: 'failed', request: 'one', message: ['<b>'] },
];

/** Sends each message and answers with what the page said to it. */
async function answers(page: Page, messages: readonly object[]): Promise<Posted[][]> {
  const said: Posted[][] = [];
  const all = (): Promise<Posted[]> =>
    page.evaluate(() => (globalThis as unknown as { posted: Posted[] }).posted);
  for (const message of messages) {
    const known = (await all()).length;
    await page.evaluate((m) => window.postMessage(m, '*'), message);
    // Messages are handled in order, and frames come after them.
    await page.evaluate(() => new Promise((done) => setTimeout(done)));
    await frames(page, 3);
    said.push((await all()).slice(known));
  }
  return said;
}

/** What a person sees: the text of the page and every pixel of its canvases. */
function picture(page: Page): Promise<{ html: string; canvases: string[] }> {
  return page.evaluate(() => ({
    html: document.getElementById('page')!.innerHTML,
    canvases: [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()),
  }));
}

/** Asserts that each message is one problem, and that nothing changes what the page shows. */
async function refuses(page: Page, problems: string[], wrong: readonly object[]): Promise<void> {
  const seen = await picture(page);
  assert.ok(seen.html.length > 500, 'the page shows something');
  const said = await answers(page, wrong);
  for (const [i, posted] of said.entries()) {
    const what = `${JSON.stringify(wrong[i])} → ${JSON.stringify(posted)}`;
    assert.deepEqual(
      posted.map(({ type }) => type),
      ['problem'],
      what,
    );
    assert.ok(posted[0]!.message!.length > 20, what);
  }
  assert.deepEqual(await picture(page), seen, 'the picture stays');
  assert.deepEqual(problems, []);
}

test('each wrong message to the curves page is one problem, and its picture stays', async () => {
  const { page, problems, fake, settle } = await openCurves(host);
  await refuses(page, problems, [
    ...wrongForEach,
    { type: 'snapshot' },
    { type: 'snapshot', runs: [], state: { runs: ['../../etc'] } },
    { type: 'runs', runs: [{ ...three[0], step: 'many' }], removed: [] },
    { type: 'runs', runs: [], removed: [7] },
    { type: 'points', deltas: [{ ...delta, points: -1 }] },
    { type: 'points', deltas: [delta] },
    { type: 'points', deltas: [delta], binary: 'no bytes' },
    { type: 'linked', view: { x: 'parsecs', cursor: 3 } },
    { type: 'series', request: 1, header: { ...header, total: '9' } },
  ]);
  const { canvases } = await picture(page);
  await fake.append(run, 'loss', 4000);
  await settle();
  assert.notDeepEqual((await picture(page)).canvases, canvases, 'what fits is still drawn');
  await page.close();
});

test('each wrong message to the compare page is one problem, and its picture stays', async () => {
  const runs = [1, 2].map((i) => fakeRunToCompare(i, `run ${i}`, { peak: i / 1000, setup: `${i}` }));
  const { page, problems } = await host.open('compare', 'dark', 1100, 900);
  const fake = new FakeCompareHost(page, runs);
  await fake.sendAll(compareState(runs));
  await page.locator('.comparison tbody tr').first().waitFor();
  await fake.answerAll();
  await refuses(page, problems, [
    ...wrongForEach,
    { type: 'snapshot', state: { runs: 'all' } },
    { type: 'runs', runs: [{ ...runs[0]!.run, state: 'exploded' }], removed: [] },
    { type: 'facts', facts: [{ ...runs[0]!.fact, metrics: 'none' }] },
    { type: 'factsFailed', runs: [runs[0]!.run.run] },
    { type: 'baseline', run: '<script>' },
    { type: 'points', deltas: [{ ...delta, run: runs[0]!.run.run }] },
    { type: 'series', request: 1, header: { ...header, points: 1.5 } },
  ]);
  await page.close();
});

test('each wrong message to the check page is one problem, and its picture stays', async () => {
  const { page, problems } = await host.open('check', 'dark', 900, 760);
  const fake = new FakeHost(page);
  await fake.send({ type: 'check', check: launchCheck, yaml: 'model: 610m\n', starting: false });
  await page.getByText('Asking the node').waitFor();
  await refuses(page, problems, [
    { type: 'launchEverything' },
    { type: 'failed', message: 7 },
    { type: 'failed', message: 'so', next: {} },
    { type: 'check', check: launchCheck, yaml: 'model: 610m\n' },
    { type: 'check', check: { ...launchCheck, steps: '42000' }, yaml: '', starting: false },
    { type: 'check', check: { ...launchCheck, differences: [{}] }, yaml: '', starting: true },
  ]);
  await page.close();
});

test('what the workbench itself posts into a page is no message of ours', async () => {
  const { page, problems } = await openCurves(host);
  const posted = await page.evaluate(() => (globalThis as unknown as { posted: unknown[] }).posted.length);
  const said = await answers(page, [{ channel: 'focus' }, { type: 7 }, { data: { type: 'snapshot' } }]);
  assert.deepEqual(said, [[], [], []], `${posted} before`);
  assert.deepEqual(problems, []);
  await page.close();
});
