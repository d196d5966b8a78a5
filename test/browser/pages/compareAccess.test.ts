import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { seriousFindings } from './axe.ts';
import { fakeRunToCompare } from './fakeComparison.ts';
import { cellsOf, openCompare, pinnedHot, seeded, singles } from './openCompare.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

for (const theme of themeNames)
  test(`axe finds nothing serious in a baseline with seeds, nor in its table of points, in the ${theme} theme`, async () => {
    const { page, problems } = await openCompare(host, seeded, pinnedHot, { theme });
    await page.locator('.column-head.fixed', { hasText: 'hot' }).waitFor();
    assert.deepEqual(await seriousFindings(page), [], 'baseline and seeds');
    await page.locator('.chart').focus();
    await page.keyboard.press('t');
    await page.locator('.data-table tbody tr').first().waitFor();
    await page.screenshot({ path: path.join(screenshots, `compare-points-${theme}.png`) });
    assert.deepEqual(await seriousFindings(page), [], 'table of points');
    assert.deepEqual(problems, []);
    await page.close();
  });

test('the chart says in words what it shows, of how many columns, with the last values', async () => {
  const { page, fake } = await openCompare(host, singles);
  const described = await page.locator('.chart').getAttribute('aria-describedby');
  const summary = page.locator(`#${described}`);
  const text = await summary.innerText();
  assert.match(text, /^3 columns\. /);
  for (const { run } of singles)
    assert.match(
      text,
      new RegExp(
        `${run.name}: [\\d.]+ at step 4,200, lowest [\\d.]+ at step [\\d,]+, validation [\\d.]+ at step 4,200`,
      ),
    );
  await fake.send({ type: 'baseline', run: singles[1]!.run.run });
  await summary.filter({ hasText: /^2 columns\. .*: [+−][\d.]+ at step/ }).waitFor({ state: 'attached' });
  await page.close();
});

test('while points arrive, the chart with the focus says what is new', async () => {
  const running = fakeRunToCompare(1, 'live', { change: { state: 'running', step: 2000 } });
  const { page, fake } = await openCompare(host, [running, singles[1]!]);
  await page.clock.install();
  const status = page.locator('[role=status]');
  await fake.append(running.run.run, 2010);
  await page.locator('#chart-summary', { hasText: 'at step 2,010' }).waitFor({ state: 'attached' });
  await page.clock.runFor(11_000);
  assert.equal(await status.innerText(), '', 'without the focus nothing is said');
  await page.locator('.chart').focus();
  await fake.append(running.run.run, 2020, 2);
  await page.locator('#chart-summary', { hasText: 'at step 2,020' }).waitFor({ state: 'attached' });
  await page.clock.runFor(11_000);
  assert.match(await status.innerText(), /^Loss: live [\d.]+ at step 2,020$/);
  await page.close();
});

test('T shows the points of the curves as a table in place of the chart, and the chart again', async () => {
  const { page, fake, problems } = await openCompare(host, singles);
  await page.locator('.chart').focus();
  await page.keyboard.press('t');
  await page.locator('.data-table tbody tr').first().waitFor();
  assert.equal(await page.locator('.overlay-panel').isVisible(), false);
  assert.equal(await page.locator('.data-table h2').innerText(), 'Loss');
  const caption = page.locator('.data-table caption');
  assert.equal(await caption.innerText(), 'Rows 1 to 100 of 420; 420 points in the longest run.');
  const heads = await page.locator('.data-table thead th').allInnerTexts();
  assert.deepEqual(heads.slice(0, 3), [
    'step',
    '210m-clm-1k-mlm40-4.2k seed 0 · atlas',
    '210m-clm-1k-mlm40-4.2k seed 0 · atlas, validation',
  ]);
  assert.equal(heads.length, 7);
  const newest = await page.locator('.data-table tbody tr').first().locator('th, td').allInnerTexts();
  assert.equal(newest[0], '4,200');
  for (const value of newest.slice(1)) assert.match(value, /^2\.\d{3}$/);
  assert.ok(await page.evaluate(() => document.activeElement?.classList.contains('points-scroller')));
  await page.screenshot({ path: path.join(screenshots, 'compare-points.png') });
  await page.locator('vscode-button', { hasText: 'Older' }).click();
  await caption.filter({ hasText: 'Rows 101 to 200 of 420' }).waitFor();
  assert.equal((await fake.lastPosted('state'))?.state.table, true, 'it outlasts a reload');
  await page.keyboard.press('t');
  await page.locator('.overlay-panel').waitFor();
  assert.ok(await page.evaluate(() => document.activeElement?.classList.contains('chart')));
  await page.keyboard.press('End');
  assert.match((await cellsOf(page, 'loss at step 4,200'))[0]!, /^2\.\d+/);
  assert.deepEqual(problems, []);
  await page.close();
});

test('the table has means of seeds as differences to the baseline; of many columns those in view', async () => {
  const { page } = await openCompare(host, seeded, { ...pinnedHot, table: true });
  await page.locator('.data-table tbody tr').first().waitFor();
  assert.equal(await page.locator('.data-table h2').innerText(), 'Loss, difference to hot');
  const heads = await page.locator('.data-table thead th').allInnerTexts();
  assert.deepEqual(heads.slice(1, 4), [
    'hot mean of 5 seeds',
    'hot mean of 5 seeds, validation',
    'base mean of 5 seeds',
  ]);
  const newest = await page.locator('.data-table tbody tr').first().locator('td').allInnerTexts();
  assert.deepEqual(newest.slice(0, 2), ['±0', '±0']);
  assert.match(newest[2]!, /^[+−]\d/);
  await page.close();
  const many = Array.from({ length: 30 }, (_, i) =>
    fakeRunToCompare(i + 1, `run-${i + 1}`, { peak: 1e-4 * (i + 1) }),
  );
  const wide = await openCompare(host, many, { table: true });
  const caption = wide.page.locator('.data-table caption');
  await caption.filter({ hasText: /of \d of 30 columns, those in view/ }).waitFor();
  await wide.page.close();
});

for (const width of [1100, 560])
  test(`differences, intervals and p are not cut in a page of ${width} px`, async () => {
    const { page } = await openCompare(host, seeded, pinnedHot, { width });
    await page.locator('td.worse').first().waitFor();
    const cut = await page
      .locator('.comparison tbody .value, .comparison tbody .more, .comparison tbody td:not(.spacer)')
      .evaluateAll((all) =>
        all.flatMap((e) =>
          e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1 ? [e.textContent] : [],
        ),
      );
    assert.deepEqual(cut, []);
    assert.match((await cellsOf(page, 'validation loss, mlm, final'))[1]!, /p\s<\s0\.001$/);
    await page.screenshot({ path: path.join(screenshots, `compare-differences-${width}.png`) });
    await page.close();
  });
