import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { middles, seenPixels } from './chartPixels.ts';
import { fakeRun, valueAt } from './fakeRuns.ts';
import { frames, openCurves, plotBox, posted, three } from './openCurves.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

test('each x axis is asked for and named, linear or logarithmic', async () => {
  const { page, problems, fake, settle, saved } = await openCurves(host);
  const wanted = [
    ['tokens', 'tokens', /M tokens$/],
    ['flops', 'FLOPs', /e\d+ FLOPs$/],
    ['time', 'time', / (s|min)/],
    ['share', 'share of budget', / % of budget$/],
  ] as const;
  for (const [x, label, place] of wanted) {
    await page.locator('.toolbar vscode-dropdown').click();
    await page.getByRole('option', { name: label, exact: true }).click();
    await settle();
    assert.equal((await saved()).x, x);
    const asked = (await fake.posted()).findLast((m) => m.type === 'series');
    assert.equal(asked?.type === 'series' && asked.series.x, x);
    const { left, right, middle } = await plotBox(page);
    await page.mouse.move(left + (right - left) * 0.5, middle);
    await page.locator('.readout:not([hidden]) > p').first().waitFor();
    assert.match(await page.locator('.readout > p').first().innerText(), place);
  }
  await page.locator('.panel.big .chart').focus();
  await page.keyboard.press('x');
  await settle();
  assert.equal((await saved()).logX, true);
  await page.mouse.move(5, 5);
  await page.screenshot({ path: path.join(screenshots, 'curves-log-x.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('smoothing is off at first; moved, the average is asked for and the raw curve stays faint', async () => {
  // The first run's loss goes up and down between two values, above those of the others.
  const value = (run: number, metric: string, step: number) =>
    run === 1 && metric === 'loss' ? (step % 4 === 0 ? 8 : 6) : valueAt(run, metric, step);
  for (const theme of themeNames) {
    const { page, problems, fake, settle, saved } = await openCurves(host, { theme, value });
    const rows = async (opacity?: [number, number]) =>
      (await seenPixels(page, { from: [0.55, 0], to: [0.85, 0.6], ofFirst: true, opacity })).rows;
    const before = await rows();
    const height = before.at(-1)! - before[0]!;
    assert.ok(height > 20, 'the whole band');
    assert.ok((await fake.posted()).every((m) => m.type !== 'series' || m.series.smoothing === null));
    const slider = page.getByRole('slider', { name: /Smoothing/ });
    assert.equal(await slider.getAttribute('aria-valuetext'), 'off');
    await slider.focus();
    for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowRight');
    await settle();
    assert.equal((await saved()).smoothing, 50);
    const asked = (await fake.posted()).filter((m) => m.type === 'series' && m.series.smoothing === 50);
    const metrics = asked.map((m) => (m.type === 'series' ? m.series.metric : ''));
    assert.ok(metrics.includes('loss') && !metrics.some((metric) => metric.startsWith('validation')));
    const average = await rows();
    const off = average.map((row) => Math.abs(row - before[0]! - height / 2));
    assert.ok(average.length > 0 && Math.max(...off) < 5, `${theme}: in the middle of the band`);
    const faint = await rows([20, 119]);
    assert.ok(Math.abs(faint[0]! - before[0]!) < 3 && Math.abs(faint.at(-1)! - before.at(-1)!) < 3, theme);
    const { left, right, middle } = await plotBox(page);
    await page.mouse.move(left + (right - left) * 0.3, middle);
    await page
      .locator('.readout-line', { hasText: /\(raw \d/ })
      .first()
      .waitFor();
    await page.screenshot({ path: path.join(screenshots, `curves-smoothed-${theme}.png`) });
    // Deltas go on from the state that came with the answer.
    await fake.append(three[0]!.run, 'loss', 2001);
    await page.waitForFunction(() =>
      (globalThis as unknown as { drawn: { lastStep: number }[] }).drawn.some((d) => d.lastStep === 2001),
    );
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('a robust scale is an option of a chart and says what it hides', async () => {
  const spiked = (run: number, metric: string, step: number): number =>
    metric === 'gradNorm' && step % 400 === 0 ? 900 : valueAt(run, metric, step);
  const { page, saved, problems } = await openCurves(host, { value: spiked });
  const panel = page.locator('.panel', { has: page.locator('canvas[data-metric="gradNorm"]') });
  assert.equal(await panel.locator('.off-scale').innerText(), '');
  await panel.getByRole('button', { name: /Leave outliers/ }).click();
  await panel.locator('.off-scale', { hasText: /^at least 15 points off scale$/ }).waitFor();
  assert.deepEqual((await saved()).robust, ['gradNorm']);
  await page.screenshot({ path: path.join(screenshots, 'curves-robust.png') });
  await panel.getByRole('button', { name: /Leave outliers/ }).click();
  await panel.locator('.off-scale', { hasText: /^$/ }).waitFor({ state: 'attached' });
  assert.deepEqual((await saved()).robust, []);
  assert.deepEqual(problems, []);
  await page.close();
});

test('a run that went on after an interruption has a mark there, and checkpoints are told', async () => {
  const { page } = await openCurves(host, {
    runs: [three[0]!],
    prepare: (fake) => {
      fake.segmentOf = (step) => (step > 1400 ? 1 : 0);
    },
  });
  await page.locator('.phase-words span', { hasText: 'resumed' }).waitFor();
  await page.locator('.panel.big .mark-legend', { hasText: 'checkpoints' }).waitFor();
  await page.screenshot({ path: path.join(screenshots, 'curves-resumed.png') });
  await page.close();
});

test('curve, crosses, checkpoints and resumptions lie where they belong, on linear and logarithmic axes', async () => {
  const { page, problems, settle } = await openCurves(host, {
    theme: 'contrast',
    runs: [
      fakeRun(1, 'marked', {
        ...{ phases: [{ objective: 'mlm', until: 4200 }], decayStart: undefined },
        ...{ checkpoints: [1200], metrics: ['loss'] },
      }),
    ],
    state: { metrics: ['loss'] },
    value: (_, __, step) => (step === 800 ? Number.NaN : step <= 700 ? 20 : step <= 1700 ? 40 : 80),
    prepare: (fake) => {
      fake.segmentOf = (step) => (step > 1400 ? 1 : 0);
    },
  });
  const shares = {
    linear: (step: number) => step / 2000,
    logarithmic: (step: number) => Math.log(step / 2) / Math.log(1000),
  };
  /** What lies between two heights, beside the steps of the curve. */
  const marks = async (share: (step: number) => number, heights: [number, number], ofFirst: boolean) => {
    const { columns, plot } = await seenPixels(page, {
      from: [share(740), heights[0]],
      to: [share(1660), heights[1]],
      ...{ ofFirst, opacity: [105, 255] },
    });
    return middles(columns).map((x) => (x - plot.left) / (plot.right - plot.left));
  };
  const checkMarks = async (axis: 'linear' | 'logarithmic') => {
    const share = shares[axis];
    const [crosses, checkpoints, resumed] = [
      await marks(share, [0, 0.08], true),
      await marks(share, [0.92, 1], true),
      await marks(share, [0.2, 0.5], false),
    ];
    const wanted: [number[], number][] = [
      [crosses, 800],
      [checkpoints, 1200],
      [resumed, 1402],
    ];
    for (const [found, step] of wanted)
      assert.ok(
        found.length === 1 && Math.abs(found[0]! - share(step)) < 0.003,
        `${axis} ${step}: ${found.join()} instead of ${share(step)}`,
      );
  };
  /** How far the curve rises from 20 to 40, and from 40 to 80. */
  const rises = async () => {
    const level = async (from: number, to: number, [top, bottom] = [0, 1]): Promise<number> => {
      const [left, right] = [shares.logarithmic(from), shares.logarithmic(to)];
      const { rows } = await seenPixels(page, { from: [left, top], to: [right, bottom], ofFirst: true });
      const found = middles(rows);
      assert.equal(found.length, 1, found.join());
      return found[0]!;
    };
    // Without the cross above the second level.
    const middle = await level(820, 1180, [0.1, 0.9]);
    const [low, high] = [await level(100, 600), await level(1750, 1950)];
    return [low - middle, middle - high] as const;
  };
  await checkMarks('linear');
  await page.keyboard.press('x');
  await settle();
  await checkMarks('logarithmic');
  const [first, second] = await rises();
  assert.ok(Math.abs(second / first - 2) < 0.05, `${first} ${second}`);
  await page.keyboard.press('l');
  await settle();
  const [firstFactor, secondFactor] = await rises();
  assert.ok(Math.abs(secondFactor / firstFactor - 1) < 0.05, `${firstFactor} ${secondFactor}`);
  await page.screenshot({ path: path.join(screenshots, 'curves-log-log.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('the hover card is sorted by nearness and compares with the first, or with the baseline', async () => {
  const baseline = [three[0]!, { ...three[1]!, baseline: true }, three[2]!];
  for (const runs of [three, baseline]) {
    const { page } = await openCurves(host, { runs });
    const { left, right, box } = await plotBox(page);
    await page.mouse.move(left + (right - left) * 0.9, box.y + 20);
    await page.locator('.readout:not([hidden])').waitFor();
    const lines = await page.locator('.readout-line').evaluateAll((all) =>
      all.map((line) => ({
        name: line.querySelector('.name')!.textContent,
        value: Number.parseFloat(line.querySelector('.numbers')!.textContent!),
        difference: line.querySelector('.difference')!.textContent!.replace('−', '-'),
      })),
    );
    const own = lines.filter((line) => !line.name!.includes('validation'));
    assert.deepEqual(
      own.map((line) => line.value),
      own.map((line) => line.value).sort((a, b) => b - a),
      'from the pointer down',
    );
    const reference = runs === baseline ? own.find((l) => l.name === three[1]!.name)! : own[0]!;
    assert.equal(reference.difference, '');
    for (const line of own.filter((l) => l !== reference))
      assert.ok(Math.abs(Number(line.difference) - (line.value - reference.value)) < 2e-3);
    assert.equal(await page.locator('.readout .compared').innerText(), `Δ to ${reference.name}`);
    await page.close();
  }
});

test('seeds of one setup are one mean with a band; three show their range, five an interval', async () => {
  const seeds = (count: number, setup: string, from: number, name: string) =>
    Array.from({ length: count }, (_, i) =>
      fakeRun(from + i, `${name}-s${i}`, { setup, seed: i, phases: [{ objective: 'mlm', until: 4200 }] }),
    );
  const runs = [...seeds(3, 'aaa', 1, '210m-mlm40'), ...seeds(5, 'bbb', 10, '210m-clm')];
  for (const theme of themeNames) {
    const { page, problems, settle, saved } = await openCurves(host, { runs, theme });
    await page.getByText('group seeds').click();
    await settle();
    assert.equal((await saved()).groupSeeds, true);
    const groups = await page.locator('.group-legend li').allInnerTexts();
    assert.match(groups[0]!, /mean of 210m-mlm40\s+n = 3: range/);
    assert.match(groups[1]!, /mean of 210m-clm\s+n = 5: 95 % t-interval/);
    const { left, right, middle } = await plotBox(page);
    await page.mouse.move(left + (right - left) * 0.3, middle);
    const mean = page.locator('.readout-line', { hasText: 'mean of 210m-mlm40' });
    await mean.waitFor();
    const step = Number((await page.locator('.readout > p').first().innerText()).replace(/\D/g, ''));
    const near = Math.round(step / 2) * 2;
    const values = [1, 2, 3].map((run) => valueAt(run, 'loss', near));
    const told = await mean.locator('.numbers').first().innerText();
    const expected = [values.reduce((a, b) => a + b) / 3, Math.min(...values), Math.max(...values)];
    assert.equal(
      told,
      `${expected[0]!.toPrecision(4)} (${expected[1]!.toPrecision(4)} to ${expected[2]!.toPrecision(4)}, n = 3: range)`,
    );
    await page.screenshot({ path: path.join(screenshots, `curves-seeds-${theme}.png`) });
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('a colour given to a curve wins over that of the theme, in legend and chart', async () => {
  const given = ['#ff00ff', '#00ffff', '#ffff00', '#00ff00', '#ff8080', '#a0a0ff', '#ffc0a0'];
  const runs = given.map((_, i) => fakeRun(i + 1, `run-${i + 1}`, { metrics: ['loss'] }));
  const { page, problems, settle } = await openCurves(host, {
    runs,
    state: { metrics: ['loss'] },
    value: (run) => run,
  });
  /** Colours of the rows, and those of them that pixels of the chart have. */
  const seen = () =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-metric=loss]')!;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const drawn = new Set<string>();
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255) drawn.add(`rgb(${data[i]}, ${data[i + 1]}, ${data[i + 2]})`);
      const rows = [...document.querySelectorAll('.legend .swatch')].map(
        (row) => getComputedStyle(row).color,
      );
      return { rows, drawn: rows.filter((colour) => drawn.has(colour)) };
    });
  const before = await seen();
  assert.equal(before.rows[0], 'rgb(89, 164, 249)', "the theme's blue");
  assert.deepEqual(before.drawn, before.rows);
  await page.evaluate((colours) => {
    for (const [i, colour] of colours.entries())
      document.documentElement.style.setProperty(`--vscode-biphase-curve${i + 1}`, colour);
  }, given);
  await page.waitForFunction(
    () => getComputedStyle(document.querySelector('.legend .swatch')!).color === 'rgb(255, 0, 255)',
  );
  await settle();
  const after = await seen();
  const rgb = (hex: string) =>
    `rgb(${[1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(', ')})`;
  assert.deepEqual(after.rows, given.map(rgb));
  assert.deepEqual(after.drawn, after.rows);
  assert.deepEqual(problems, []);
  await page.close();
});

test('layout, axes and choices come back after a reload', async () => {
  const state = { logX: true, smoothing: 20, robust: ['loss'], pinned: 'gradNorm', linked: false };
  const { page, settle, saved, fake } = await openCurves(host, { state });
  assert.equal(await page.locator('.panel.big canvas[data-metric]').getAttribute('data-metric'), 'gradNorm');
  await page.keyboard.press('g');
  await settle();
  const before = await saved();
  assert.deepEqual({ ...before, ...state, groupSeeds: true }, before);
  await page.reload();
  await posted(page, 'ready');
  await fake.send({ type: 'snapshot', runs: three, state: before });
  await page.locator('.group-legend:not([hidden])').waitFor();
  await frames(page, 2);
  assert.equal(await page.locator('.panel.big canvas[data-metric]').getAttribute('data-metric'), 'gradNorm');
  assert.equal(await page.getByRole('slider').getAttribute('aria-valuetext'), '20 steps');
  await page.close();
});
