import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { seriousFindings } from './axe.ts';
import { fakeRun } from './fakeRuns.ts';
import { type CurvesOptions, openCurves, three } from './openCurves.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

const seeds = Array.from({ length: 3 }, (_, i) => fakeRun(i + 1, `210m-s${i}`, { setup: 'same' }));
const scenes: Record<string, CurvesOptions> = {
  curves: {},
  table: { state: { table: true } },
  seeds: { runs: seeds, state: { groupSeeds: true, smoothing: 50, robust: ['loss'] } },
  multiples: { state: { all: true, pinned: 'gradNorm' } },
};

for (const theme of themeNames)
  test(`axe finds nothing serious in the ${theme} theme`, async () => {
    for (const [name, options] of Object.entries(scenes)) {
      const { page, problems } = await openCurves(host, { theme, ...options });
      assert.deepEqual(await seriousFindings(page), [], name);
      assert.deepEqual(problems, [], name);
      await page.close();
    }
  });

test('every chart can be reached, read and left by keys alone, and has its table', async () => {
  const { page } = await openCurves(host);
  const charts = await page.locator('.chart').count();
  const reached = new Set<string>();
  for (let i = 0; i < 60 && reached.size < charts; i++) {
    await page.keyboard.press('Tab');
    const label = await page.evaluate(() => {
      const at = document.activeElement;
      return at?.classList.contains('chart') ? at.getAttribute('aria-label') : null;
    });
    if (label) reached.add(label);
  }
  assert.equal(reached.size, charts);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.locator('[role=status]', { hasText: /^step \d+\. Speed: / }).waitFor();
  await page.keyboard.press('t');
  await page.locator('.data-table tbody tr').first().waitFor();
  const shown = await page
    .locator('.data-table vscode-dropdown')
    .evaluate((d) => (d as unknown as { value: string }).value);
  assert.equal(shown, 'tokensPerSecond', 'the table of the chart that had the focus');
  await page.close();
});

test('charts say in words what they show', async () => {
  const { page } = await openCurves(host);
  const described = await page.locator('.panel.big .chart').getAttribute('aria-describedby');
  const text = await page.locator(`#${described}`).innerText();
  for (const run of three)
    assert.match(text, new RegExp(`${run.name}: [\\d.]+ at step 2,000(, lowest [\\d.]+ at step [\\d,]+)?`));
  await page.close();
});

test('while points arrive, the chart with the focus says what is new, and no other one', async () => {
  const { page, fake } = await openCurves(host);
  const run = three[0]!;
  await page.locator('.panel.big .chart').focus();
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    const status = document.querySelector('[role=status]')!;
    new MutationObserver(() => said.push(status.textContent ?? '')).observe(status, {
      ...{ childList: true, characterData: true, subtree: true },
    });
  });
  for (let step = 2001; step <= 2005; step++)
    for (const metric of ['loss', 'gradNorm']) await fake.append(run.run, metric, step);
  await page.locator('[role=status]', { hasText: /^Loss: / }).waitFor();
  const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  assert.equal(said.length, 1);
  assert.match(said[0]!, new RegExp(`^Loss: ${run.name} [\\d.]+ at step 2,005$`));
  await page.close();
});

test('who wants less motion sees no picture scaled: the exact one is drawn', async () => {
  const { page } = await openCurves(host, {});
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.locator('.panel.big .chart').focus();
  const moved = await page.evaluate(async () => {
    const chart = document.querySelector('.panel.big .chart')!;
    chart.dispatchEvent(new KeyboardEvent('keydown', { key: '+', bubbles: true }));
    let seen = 0;
    for (let i = 0; i < 6; i++) {
      await new Promise((done) => requestAnimationFrame(done));
      seen += document.querySelectorAll('.moving:not([hidden])').length;
    }
    return seen;
  });
  assert.equal(moved, 0);
  await page.screenshot({ path: path.join(screenshots, 'curves-less-motion.png') });
  await page.close();
});
