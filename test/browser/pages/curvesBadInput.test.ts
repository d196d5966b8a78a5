import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { middles, seenPixels } from './chartPixels.ts';
import { fakeRun, valueAt } from './fakeRuns.ts';
import { openCurves, plotBox, three } from './openCurves.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { StoredRun } from './storedRun.ts';
import { themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

const [run] = [three[0]!];

/** Opaque coloured pixels of a chart in its left and its right half. */
function coloured(page: Page, metric: string): Promise<[left: number, right: number]> {
  return page.locator(`canvas[data-metric="${metric}"]`).evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const halves: [number, number] = [0, 0];
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = [data[i]!, data[i + 1]!, data[i + 2]!, data[i + 3]!];
      const x = (i / 4) % canvas.width;
      if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 60) halves[x < canvas.width / 2 ? 0 : 1]++;
    }
    return halves;
  });
}

async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: path.join(screenshots, `curves-bad-${name}.png`) });
}

test('a metric that appears late has its curve at the right and nothing before it', async () => {
  const { page, problems } = await openCurves(host, {
    runs: [run],
    prepare: (fake) => fake.begins.set('gradNorm', 1500),
  });
  const [left, right] = await coloured(page, 'gradNorm');
  assert.ok(left === 0 && right > 20, `${left} ${right}`);
  await picture(page, 'late');
  assert.deepEqual(problems, []);
  await page.close();
});

test('a metric that disappears ends where it ended, and has no value beyond', async () => {
  const { page, problems } = await openCurves(host, {
    runs: [run],
    prepare: (fake) => fake.endings.set('gradNorm', 600),
  });
  const [left, right] = await coloured(page, 'gradNorm');
  assert.ok(left > 20 && right === 0, `${left} ${right}`);
  const plot = await plotBox(page, 'gradNorm');
  await page.mouse.move(plot.right - 10, plot.middle);
  await page.waitForFunction(() => document.querySelectorAll('.panel.big .overlay line').length === 1);
  assert.equal(await page.locator('.readout:not([hidden])').count(), 0);
  await picture(page, 'ended');
  assert.deepEqual(problems, []);
  await page.close();
});

test('a metric that is NaN throughout has crosses, words, and no numbers at its axis', async () => {
  for (const theme of themeNames) {
    const { page, problems } = await openCurves(host, {
      theme,
      runs: [run],
      value: (index, metric, step) => (metric === 'gradNorm' ? Number.NaN : valueAt(index, metric, step)),
    });
    const panel = page.locator('.panel', { has: page.locator('canvas[data-metric="gradNorm"]') });
    assert.match(
      await panel.locator('.footnote').innerText(),
      /✕ 610m-clm-10k-mlm40-42k: NaN at step 2 and at least 999 more/,
    );
    const axis = await panel.locator('canvas[data-metric]').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas
        .getContext('2d')!
        .getImageData(0, 0, Math.round(40 * devicePixelRatio), Math.round(100 * devicePixelRatio));
      return data.some((v, i) => i % 4 === 3 && v > 0);
    });
    assert.equal(axis, false);
    assert.match(await panel.locator('.summary').innerText(), /no value/);
    await picture(page, `nan-${theme}`);
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('a constant metric is a level line in the middle of its scale', async () => {
  const { page, problems } = await openCurves(host, {
    runs: [run],
    value: (index, metric, step) => (metric === 'gradNorm' ? 3.25 : valueAt(index, metric, step)),
  });
  const rows = await page.locator('canvas[data-metric="gradNorm"]').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(Math.round(canvas.width / 2), 0, 1, canvas.height);
    const found: number[] = [];
    for (let y = 0; y < canvas.height; y++)
      if (data[y * 4 + 3]! > 100 && Math.abs(data[y * 4]! - data[y * 4 + 2]!) > 60)
        found.push(y / canvas.height);
    return found;
  });
  assert.ok(rows.length > 0 && rows.length < 6 && rows[0]! > 0.2 && rows[0]! < 0.7, rows.join());
  await picture(page, 'constant');
  assert.deepEqual(problems, []);
  await page.close();
});

test('a metric that is constant but for rounding stops nothing on a logarithmic axis', async () => {
  const { page, problems } = await openCurves(host, {
    runs: [run],
    state: { logY: true },
    value: (index, metric, step) =>
      metric === 'gradNorm' ? (step % 4 === 0 ? 0.15 : 0.15000000000000002) : valueAt(index, metric, step),
  });
  const panel = page.locator('.panel', { has: page.locator('canvas[data-metric="gradNorm"]') });
  assert.match(await panel.locator('.summary').innerText(), /0\.1500/);
  assert.deepEqual(problems, []);
  await page.close();
});

test('values of 1e308 stop nothing: the scale ends at 1e300 and says what lies beyond', async () => {
  const { page, problems } = await openCurves(host, {
    runs: [run],
    value: (index, metric, step) =>
      metric === 'gradNorm' && step > 1000 ? (step % 4 === 0 ? 1e308 : -1e308) : valueAt(index, metric, step),
  });
  const panel = page.locator('.panel', { has: page.locator('canvas[data-metric="gradNorm"]') });
  await panel.locator('.off-scale', { hasText: 'at least 500 points off scale' }).waitFor();
  await page.keyboard.press('l');
  await panel.locator('.off-scale', { hasText: 'at least 250 points off scale' }).waitFor();
  await panel.getByRole('button', { name: /Leave outliers/ }).click();
  await picture(page, '1e308');
  await page.getByText('group seeds').click();
  assert.deepEqual(problems, []);
  await page.close();
});

test('steps that a segment repeats keep what was written first, and the line never goes back', async (context) => {
  const repeating = fakeRun(1, 'repeats', {
    ...{ step: 1500, totalSteps: 1500, phases: [{ objective: 'mlm', until: 1500 }] },
    ...{ decayStart: undefined, checkpoints: [], metrics: ['loss'] },
  });
  const stored = new StoredRun(context, repeating);
  const write = (from: number, to: number, loss: number) =>
    stored.write(Array.from({ length: to - from + 1 }, (_, i) => ({ step: from + i, metrics: { loss } })));
  write(1, 599, 2);
  write(641, 1000, 2);
  const { page, problems, fake, settle } = await openCurves(host, {
    runs: [repeating],
    state: { metrics: ['loss'] },
    prepare: (fake) => {
      fake.service = stored.service;
    },
  });
  /** The heights at which the line lies between two steps, 0 at the upper edge. */
  const heights = async (from: number, to: number) => {
    const part = { from: [from / 1500, 0], to: [to / 1500, 1], ofFirst: true } as const;
    const { rows, plot } = await seenPixels(page, part);
    return middles(rows).map((row) => Math.round((row - plot.top) / (plot.bottom - plot.top)));
  };
  const shown = (points: string) =>
    page.locator('.panel.big .note', { hasText: `${points} of ${points} points` }).waitFor();
  const asked = fake.answers.length;
  await fake.tell(write(701, 1500, 8));
  await shown('1,459');
  await settle();
  assert.equal(fake.answers.length, asked, 'what is new was enough');
  assert.deepEqual([await heights(5, 970), await heights(1010, 1480)], [[1], [0]]);
  // Of these only the steps that were left out are new: before others, so everything is asked for.
  await fake.tell(write(590, 660, 8));
  await settle();
  await shown('1,500');
  assert.equal(fake.answers.length, asked + 1);
  assert.deepEqual([await heights(5, 590), await heights(650, 970)], [[1], [1]]);
  assert.deepEqual([await heights(615, 630), await heights(1010, 1480)], [[0], [0]]);
  await picture(page, 'repeats');
  assert.deepEqual(problems, []);
  await page.close();
});

test('two runs of one name have rows, looks and values of their own', async () => {
  const twins = [fakeRun(1, 'same-name'), fakeRun(2, 'same-name')];
  const { page, problems } = await openCurves(host, { runs: twins });
  const looks = await page.locator('.legend .swatch').evaluateAll((all) => all.map((s) => s.outerHTML));
  assert.equal(new Set(looks).size, 2);
  const titles = await page
    .locator('.legend .toggle')
    .evaluateAll((all) => all.map((t) => (t as HTMLElement).title));
  for (const [index, title] of titles.entries()) assert.ok(title.includes(twins[index]!.run));
  const { left, right, middle } = await plotBox(page);
  await page.mouse.move((left + right) / 2, middle);
  await page.locator('.readout:not([hidden])').waitFor();
  assert.equal(await page.locator('.readout-line', { hasText: /^same-name[\d.]/ }).count(), 2);
  await picture(page, 'twins');
  assert.deepEqual(problems, []);
  await page.close();
});

test('a run without points says so beside one that has some', async () => {
  const empty = fakeRun(2, 'nothing-yet', { step: 0, loss: null, metrics: [], phases: [], checkpoints: [] });
  const { page, problems } = await openCurves(host, {
    runs: [run, empty],
    prepare: (fake) => fake.without.add(empty.run),
  });
  assert.match(await page.locator('.panel.big .summary').innerText(), /nothing-yet: no value/);
  assert.equal(await page.locator('.legend li', { hasText: 'nothing-yet' }).count(), 1);
  await page.locator('.legend .toggle').first().click();
  await page.locator('.panel.big .waiting:not([hidden])', { hasText: 'nothing-yet' }).waitFor();
  await picture(page, 'no-points');
  assert.deepEqual(problems, []);
  await page.close();
});

test('hostile names are text everywhere: in rows, cards, headings, tables and groups', async () => {
  const names = [
    '<img src=x onerror="window.owned=1">',
    '\u202egnp.exe\u2066 bidi',
    'x'.repeat(200),
    '‏עברית run',
  ];
  const metric = '<b onmouseover="window.owned=1">metric</b>';
  const runs = names.map((name, i) =>
    fakeRun(i + 1, name, {
      setup: 'same',
      metrics: ['loss', metric],
      phases: [{ objective: 'mlm', until: 4200 }],
    }),
  );
  const { page, problems } = await openCurves(host, {
    runs,
    state: { metrics: ['loss', metric], groupSeeds: true },
  });
  const { left, right, middle } = await plotBox(page);
  await page.mouse.move((left + right) / 2, middle);
  await page.locator('.readout:not([hidden])').waitFor();
  await picture(page, 'hostile');
  assert.equal(await page.locator('.panel h2', { hasText: metric }).count(), 1);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, 'a long name does not widen the page');
  // What is written from right to left must not turn the number beside it.
  const order = await page
    .locator('.readout-line')
    .evaluateAll((all) =>
      all.every(
        (line) =>
          line.querySelector('.name')!.getBoundingClientRect().right <=
          line.querySelector('.numbers')!.getBoundingClientRect().left + 1,
      ),
    );
  assert.equal(order, true);
  await page.locator('.panel.big .chart').focus();
  await page.keyboard.press('t');
  await page.locator('.data-table tbody tr').first().waitFor();
  assert.equal(await page.locator('img, b').count(), 0);
  assert.equal(await page.evaluate(() => 'owned' in globalThis), false);
  assert.deepEqual(problems, []);
  await page.close();
});
