import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fakeRun } from './fakeRuns.ts';
import { frames, openCurves, three } from './openCurves.ts';
import { PageHost, screenshots } from './pageHost.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

const many = [
  ...three[0]!.metrics,
  ...Array.from({ length: 5000 }, (_, i) => `layer/${String(i).padStart(4, '0')}/norm`),
];

test('of 5,000 metrics only those in view are asked for and drawn, and typing finds one', async () => {
  const run = fakeRun(1, 'many-metrics', { metrics: many });
  const { page, problems, fake, settle, saved } = await openCurves(host, {
    runs: [run],
    state: { all: true },
  });
  const shown = () =>
    page
      .locator('.panel canvas[data-metric]')
      .evaluateAll((all) => all.map((c) => (c as HTMLElement).dataset.metric));
  const subscribed = async () => {
    const last = (await fake.posted()).findLast((m) => m.type === 'show');
    return last?.type === 'show' ? last.series.map((s) => s.metric) : [];
  };
  const first = await shown();
  assert.ok(first.length > 5 && first.length < 40, String(first.length));
  assert.ok((await subscribed()).length < 45);
  await page.screenshot({ path: path.join(screenshots, 'curves-multiples.png') });
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  assert.ok(height > 200_000, 'the scroll bar is that of all charts');
  await page.evaluate(() => window.scrollTo(0, 100_000));
  await page.waitForFunction(
    (before) =>
      document.querySelector<HTMLElement>('.panel.small canvas[data-metric]')?.dataset.metric !== before,
    first[0],
  );
  await settle();
  const later = await shown();
  assert.ok(later.length < 40 && !later.includes('loss'));
  const drawn = await page.locator('.panel .waiting:not([hidden])').count();
  assert.equal(drawn, 0, 'those in view have their points');
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.getByRole('searchbox', { name: 'Filter metrics' }).fill('LAYER 4242');
  await page.waitForFunction(() => document.querySelectorAll('.panel').length === 1);
  await settle();
  assert.deepEqual(await shown(), ['layer/4242/norm']);
  assert.equal((await saved()).filter, 'LAYER 4242');
  await page.getByRole('searchbox', { name: 'Filter metrics' }).fill('nothing like it');
  await page.getByText('No metric has “nothing like it” in its name.').waitFor();
  assert.deepEqual(problems, []);
  await page.close();
});

test('the list of metrics shows a hundred and finds the others', async () => {
  const run = fakeRun(1, 'many-metrics', { metrics: many });
  const { page, saved } = await openCurves(host, { runs: [run] });
  await page.locator('.metrics summary').click();
  await page.getByText('more: type a part of the name').waitFor();
  assert.equal(await page.locator('.metric-list > *').count(), 100);
  await page.getByRole('searchbox', { name: 'Find metrics' }).fill('4242');
  await page.waitForFunction(() => document.querySelectorAll('.metric-list > *').length === 1);
  await page.locator('.metric-list vscode-checkbox').click();
  assert.ok((await saved()).metrics.includes('layer/4242/norm'));
  await page.close();
});

test('a pinned metric is the big chart on top, of the chosen metrics and of all', async () => {
  const { page, problems, settle, saved } = await openCurves(host);
  const big = () => page.locator('.panel.big canvas[data-metric]').getAttribute('data-metric');
  assert.equal(await big(), 'loss');
  await page.getByRole('button', { name: 'Pin Gradient norm on top' }).click();
  await settle();
  assert.equal(await big(), 'gradNorm');
  assert.equal(await page.locator('.panel').first().locator('canvas[data-metric=gradNorm]').count(), 1);
  await page.keyboard.press('a');
  await settle();
  assert.equal(await big(), 'gradNorm');
  assert.deepEqual([(await saved()).all, (await saved()).pinned], [true, 'gradNorm']);
  assert.equal(await page.locator('.panel.small').count(), 4);
  await frames(page, 5);
  await page.screenshot({ path: path.join(screenshots, 'curves-pinned.png') });
  await page.getByRole('button', { name: 'Pin Gradient norm on top' }).click();
  await settle();
  assert.equal(await page.locator('.panel.big').count(), 0);
  assert.deepEqual(problems, []);
  await page.close();
});
