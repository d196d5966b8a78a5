import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { FromCurvesPage } from '../../../src/protocol/pageMessages.ts';
import { middles, seenPixels } from './chartPixels.ts';
import { emptyState, FakeHost, fakeRun, valueAt } from './fakeRuns.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { type ThemeName, themeNames, themes } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

const three = [
  fakeRun(1, '610m-clm-10k-mlm40-42k'),
  fakeRun(2, '610m-mlm40-42k', {
    state: 'finished',
    step: 4200,
    secondsLeft: null,
    phases: [{ objective: 'mlm', until: 4200 }],
    loss: 2.42,
  }),
  fakeRun(3, '610m-clm-42k', {
    state: 'failed',
    reason: 'The loss was NaN.',
    loss: 'NaN',
    step: 1532,
    phases: [{ objective: 'clm', until: 4200 }],
  }),
];

/** Resolves when nothing waits to be drawn; a canvas has it a frame later. */
async function drawn(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('.charts')?.getAttribute('aria-busy') === 'false');
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function opened(theme: ThemeName, runs = three, value = valueAt, change = {}) {
  const { page, problems } = await host.open('curves', theme);
  const fake = new FakeHost(page, value);
  await fake.send({ type: 'snapshot', runs, state: emptyState(runs, change) });
  await page.waitForFunction(() => document.querySelectorAll('.panel').length > 0);
  await fake.answer(2000);
  await page.waitForFunction(() => document.querySelector('.panel .note')?.textContent?.includes('points'));
  await drawn(page);
  return { page, problems, fake };
}

function nanAt1500(run: number, metric: string, step: number): number {
  if (run === 3 && step >= 1500) return Number.NaN;
  return valueAt(run, metric, step);
}

for (const theme of themeNames)
  test(`three runs in the ${theme} theme, with a cursor`, async () => {
    const { page, problems } = await opened(theme, three, nanAt1500);
    const box = (await page.locator('.panel.big .chart').boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.6);
    await page.locator('.readout:not([hidden])').waitFor();
    await page.screenshot({ path: path.join(screenshots, `curves-${theme}.png`) });
    const line = page.locator('.readout-line', { hasText: 'MLM validation' }).first();
    assert.match(await line.innerText(), /at step [\d,]+00$/);
    const nearest = await page.locator('.readout-line .swatch').first().getAttribute('class');
    const notes = await page
      .locator('.panel.small .note .swatch')
      .evaluateAll((all) => all.map((e) => e.getAttribute('class')));
    assert.deepEqual(notes, [nearest, nearest, nearest], 'the other panels tell of the same run');
    const suffix = await line.locator('.name > :last-child').evaluate((e) => e.scrollWidth <= e.clientWidth);
    assert.equal(suffix, true, 'the suffix is whole');
    assert.match(await page.locator('.footnote').first().innerText(), /610m-clm-42k: NaN at step 1,500/);
    const pixels = await page.locator('canvas[data-metric=loss]').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return data.some((v) => v !== 0);
    });
    assert.equal(pixels, true);
    assert.deepEqual(problems, []);
    await page.close();
  });

test('another theme redraws everything, with its own background', async () => {
  const metrics = [...three[0].metrics, 'validation/loss/clm'];
  const { page } = await opened('dark', [{ ...three[0], metrics }]);
  await page.locator('.mark-legend').getByText('CLM validation').waitFor();
  const before = await seen();
  await page.evaluate(({ class: name, colours }) => {
    document.body.className = name;
    for (const [key, value] of Object.entries(colours))
      document.documentElement.style.setProperty(`--vscode-${key}`, value);
  }, themes.light);
  await page.waitForFunction(
    () => getComputedStyle(document.body).getPropertyValue('--series-1') === 'rgb(0, 99, 211)',
  );
  const after = await seen();
  await page.screenshot({ path: path.join(screenshots, 'curves-dark-to-light.png') });
  assert.ok(before.dark > 0 && before.light === 0, JSON.stringify(before));
  assert.ok(after.dark === 0 && after.light > 0, JSON.stringify(after));
  await page.close();

  /** Opaque pixels of the two backgrounds: the middle of hollow marks. */
  async function seen() {
    await drawn(page);
    return page.locator('canvas[data-metric=loss]').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const counts = { dark: 0, light: 0 };
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] !== 255) continue;
        if (data[i] === 0x1f && data[i + 1] === 0x1f && data[i + 2] === 0x1f) counts.dark++;
        if (data[i] === 255 && data[i + 1] === 255 && data[i + 2] === 255) counts.light++;
      }
      return counts;
    });
  }
});

test('new points are drawn and told; a gap asks for a snapshot; the view stays', async () => {
  const { page, fake } = await opened('dark');
  const run = three[0].run;
  await page.locator('.panel.big .chart').focus();
  await page.keyboard.press('+');
  await page.waitForTimeout(250);
  await fake.answer(2000);
  const range = () => fake.posted().then((all) => all.findLast((m) => m.type === 'state'));
  const zoomed = await range();
  await fake.append(run, 'loss', 2001);
  await page.waitForFunction(() =>
    (globalThis as unknown as { drawn: { lastStep: number }[] }).drawn.some((d) => d.lastStep === 2001),
  );
  assert.deepEqual(await range(), zoomed);
  await fake.append(run, 'loss', 2009, 7);
  await page.waitForFunction(
    (count) => (globalThis as unknown as { posted: { type: string }[] }).posted.length > count,
    (await fake.posted()).length - 1,
  );
  const asked = await fake.answer(2010);
  assert.ok(asked.some((s) => s.run === run && s.metric === 'loss' && s.from === null));
  await page.close();
});

test('between two drawings of a chart its lines are extended by what came', async () => {
  const { page, fake } = await opened('dark', [three[0]]);
  const { run } = three[0];
  await page.evaluate(() => {
    const seen: { lastStep: number; redrawn: boolean; end: number }[] = [];
    Object.assign(globalThis, { seen });
    document.addEventListener('biphase-drawn', (event) => {
      const { metric, ...drawn } = (event as CustomEvent).detail;
      if (metric === 'loss') seen.push({ ...drawn, end: rightEnd() });
    });
    /** The last column of pixels that the loss chart's curve reaches. */
    function rightEnd(): number {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-metric=loss]')!;
      const { width, height } = canvas;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
      const colour = getComputedStyle(document.body)
        .getPropertyValue('--series-1')
        .match(/\d+/g)!
        .map(Number);
      for (let x = width - 1; ; x--)
        for (let y = 0; y < height; y++) {
          const at = (y * width + x) * 4;
          const off = colour.reduce((sum, part, i) => sum + Math.abs(data[at + i]! - part), 0);
          if (x === 0 || (data[at + 3]! > 200 && off < 30)) return x;
        }
    }
  });
  const seen = async (step: number) => {
    const found = await page.waitForFunction(
      (last) =>
        (globalThis as unknown as { seen: { lastStep: number; redrawn: boolean; end: number }[] }).seen.find(
          (drawn) => drawn.lastStep === last,
        ),
      step,
    );
    return (await found.jsonValue())!;
  };
  // The axis ends at the next multiple of 20: the first point after one needs another drawing, the others do not.
  for (let step = 2001; ; step += 20) {
    await fake.append(run, 'loss', step);
    const before = await seen(step);
    assert.equal(before.redrawn, true);
    await fake.append(run, 'loss', step + 18);
    const after = await seen(step + 18);
    // Drawn again already where this process was held up for as long.
    if (after.redrawn && step < 2400) continue;
    assert.equal(after.redrawn, false);
    assert.ok(after.end > before.end, `${before.end} → ${after.end}`);
    break;
  }
  await page.close();
});

test('points of one metric have its chart drawn and no other', async () => {
  const { page, fake } = await opened('dark');
  const { run } = three[0];
  const appended = async (metric: string, step: number) => {
    await fake.append(run, metric, step);
    await page.waitForFunction(
      (wanted) =>
        (globalThis as unknown as { drawn: { metric: string; lastStep: number }[] }).drawn.some(
          ({ metric, lastStep }) => metric === wanted.metric && lastStep === wanted.step,
        ),
      { metric, step },
    );
  };
  // All have the same range of x: a point beyond it has each of them drawn.
  await appended('loss', 2001);
  await drawn(page);
  await page.evaluate(() => {
    const touched = new Set<string>();
    Object.assign(globalThis, { touched });
    const context = CanvasRenderingContext2D.prototype;
    for (const name of ['clearRect', 'stroke', 'drawImage', 'putImageData'] as const) {
      const draw = context[name] as (...rest: unknown[]) => void;
      Object.assign(context, {
        [name](this: CanvasRenderingContext2D, ...rest: unknown[]) {
          touched.add(this.canvas.dataset.metric ?? 'no chart');
          draw.apply(this, rest);
        },
      });
    }
  });
  const touched = () => page.evaluate(() => [...(globalThis as unknown as { touched: Set<string> }).touched]);
  for (let step = 2002; step < 2006; step++) await appended('gradNorm', step);
  await drawn(page);
  assert.deepEqual(await touched(), ['gradNorm']);
  await appended('loss', 2100);
  await drawn(page);
  assert.deepEqual((await touched()).sort(), ['gradNorm', 'learningRate', 'loss', 'tokensPerSecond']);
  await page.close();
});

test('who zooms out to the whole range follows new points again', async () => {
  const { page, fake } = await opened('dark');
  const whole = page.locator('.toolbar vscode-button', { hasText: 'Whole run' });
  await page.locator('.panel.big .chart').focus();
  await page.keyboard.press('+');
  await whole.waitFor();
  await page.keyboard.press('-');
  await page.keyboard.press('-');
  await whole.waitFor({ state: 'hidden' });
  await fake.append(three[0].run, 'loss', 2001);
  await page.waitForFunction(() =>
    (globalThis as unknown as { drawn: { lastStep: number }[] }).drawn.some((d) => d.lastStep === 2001),
  );
  const box = (await page.locator('.panel.big .chart').boundingBox())!;
  await page.mouse.move(box.x + box.width - 10, box.y + 60);
  await page.locator('.readout p', { hasText: /step 2,01/ }).waitFor();
  await page.close();
});

test('a table without rows says what is under way', async () => {
  const { page } = await host.open('curves', 'dark');
  const fake = new FakeHost(page);
  await fake.send({ type: 'snapshot', runs: three, state: emptyState(three, { table: true }) });
  const caption = page.locator('.data-table caption');
  await caption.getByText('Loading…').waitFor();
  await fake.answer(2000);
  await caption.getByText('Rows 1 to 100').waitFor();
  await page.close();
});

test('hostile names stay text; keys move the cursor and show the table', async () => {
  const hostile = fakeRun(1, '<img src=x onerror="window.owned=1"><script>window.owned=1</script>');
  const { page, problems } = await opened('dark', [hostile, three[1]]);
  assert.equal(await page.locator('img').count(), 0);
  await page.locator('.panel.big .chart').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() =>
    /Loss: .*<img/.test(document.querySelector('[role=status]')?.textContent ?? ''),
  );
  await page.keyboard.press('t');
  await page.locator('.data-table tbody tr').first().waitFor();
  assert.equal(await page.locator('.data-table tbody tr').count(), 100);
  assert.match(await page.locator('.data-table caption').innerText(), /Rows 1 to 100 of 1,000/);
  await page.screenshot({ path: path.join(screenshots, 'curves-table.png') });
  assert.equal(await page.evaluate(() => 'owned' in globalThis), false);
  assert.deepEqual(problems, []);
  await page.close();
});

test('every curve of 38 runs is drawn, and that of a run hidden by its row is not', async () => {
  const metrics = ['loss', 'learningRate', 'gradNorm', 'tokensPerSecond'];
  const runs = Array.from({ length: 38 }, (_, i) => fakeRun(i + 1, `210m-run-${i + 1}`, { metrics }));
  // Each has a height of its own, and so many points that curves are painted by columns.
  const level = (run: number, metric: string, step: number) =>
    metric === 'loss' ? run + (step % 4 === 0 ? 0.1 : -0.1) : valueAt(run, metric, step);
  const { page, problems, fake } = await opened('light', runs, level);
  // Beside the marks of switch and decay.
  const heights = async () => middles((await seenPixels(page, { from: [0.1, 0], to: [0.4, 1] })).rows);
  const all = await heights();
  assert.equal(all.length, 38, all.join());
  await page.locator('.legend .toggle').nth(4).click();
  const state = (await fake.posted()).findLast((m) => m.type === 'state');
  assert.deepEqual(state?.type === 'state' && state.state.hidden, [runs[4].run]);
  await page.mouse.move(5, 5);
  await drawn(page);
  await page.screenshot({ path: path.join(screenshots, 'curves-38-runs.png') });
  // From the upper edge down: the fifth is the fifth from below.
  assert.deepEqual(
    await heights(),
    all.filter((_, i) => i !== 38 - 5),
  );
  assert.deepEqual(problems, []);
  await page.close();
});

const twoPhases = fakeRun(1, '610m-clm-10k-mlm40-42k', {
  metrics: [...three[0].metrics, 'validation/loss/clm'],
});

test('the heading explains the marks that are there', async () => {
  const { page, problems, fake } = await opened('light', [three[1]]);
  const explained = page.locator('.panel.big .mark-legend');
  await explained.getByText('MLM validation').waitFor();
  assert.doesNotMatch(await explained.innerText(), /hollow|CLM/);
  await fake.send({ type: 'snapshot', runs: [twoPhases], state: emptyState([twoPhases]) });
  await page.waitForFunction(
    (run) =>
      (globalThis as unknown as { posted: FromCurvesPage[] }).posted.some(
        (m) => m.type === 'series' && m.series.run === run && m.series.metric === 'validation/loss/clm',
      ),
    twoPhases.run,
  );
  await fake.answer(2000);
  // Each of them comes with an answer of its own.
  for (const name of ['CLM validation', 'MLM validation']) await explained.getByText(name).waitFor();
  assert.match(
    await explained.innerText(),
    /filled marks:\s+MLM validation\s+hollow marks:\s+CLM validation/,
  );
  await page.screenshot({ path: path.join(screenshots, 'curves-marks.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('validations are joined in the phase of their own objective and nowhere else', async () => {
  const levels: Record<string, number> = { 'validation/loss/clm': 4, 'validation/loss/mlm': 6 };
  const { page } = await opened('light', [twoPhases], (_, metric) => levels[metric] ?? 2);
  await page.locator('.mark-legend').getByText('CLM validation').waitFor();
  await drawn(page);
  const lines = (step: number) =>
    page.locator('canvas[data-metric=loss]').evaluate((canvas: HTMLCanvasElement, share) => {
      const left = 46 + share * (canvas.clientWidth - 54);
      const at = Math.round((left / canvas.clientWidth) * canvas.width);
      const { data } = canvas.getContext('2d')!.getImageData(at, 0, 1, canvas.height);
      let found = 0;
      let inside = false;
      for (let i = 0; i < data.length; i += 4) {
        const blue = data[i + 3] > 20 && data[i + 2] - data[i] > 60;
        if (blue && !inside) found++;
        inside = blue;
      }
      return found;
    }, step / 2000);
  // Validations are at 800, 1000, 1200 and so on, the switch is at 1000; the training loss is there everywhere.
  assert.deepEqual([await lines(900), await lines(1100), await lines(1300)], [2, 1, 2]);
  await page.close();
});

test('grid lines are seen in any theme, whatever lines its editors have', async () => {
  for (const theme of themeNames) {
    const { page } = await opened(theme, [twoPhases]);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    const lines = await page.locator('canvas[data-metric=loss]').evaluate((canvas: HTMLCanvasElement) => {
      // Beside the curve, at three quarters of the width and above its half.
      const { data } = canvas
        .getContext('2d')!
        .getImageData(Math.round(canvas.width * 0.75), 0, 1, Math.round(canvas.height / 2));
      let found = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] > 20 && (i === 0 || data[i - 1] <= 20)) found++;
      return found;
    });
    assert.ok(lines >= 2, `${theme}: ${lines}`);
    await page.close();
  }
});

test('all panels show the same range of x, also where a metric begins later', async () => {
  const { page, problems } = await host.open('curves', 'dark');
  const fake = new FakeHost(page);
  fake.begins.set('gradNorm', 1400);
  await fake.send({ type: 'snapshot', runs: three, state: emptyState(three) });
  await page.waitForFunction(() => document.querySelectorAll('.panel').length === 4);
  await fake.answer(2000);
  await page.waitForFunction(() => document.querySelector('.panel .note')?.textContent?.includes('points'));
  const box = (await page.locator('.panel.big .chart').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.6);
  await page.waitForFunction(() => document.querySelectorAll('.overlay line').length === 4);
  const places = await page.evaluate(() =>
    [...document.querySelectorAll('.overlay line')].map((line) => {
      // Of the part beside the y axis, which has the same width everywhere.
      const width = line.closest('.chart')!.clientWidth - 54;
      return (Number(line.getAttribute('x1')) - 46) / width;
    }),
  );
  assert.equal(places.length, 4);
  for (const place of places) assert.ok(Math.abs(place - places[0]) < 0.02, places.join());
  await page.screenshot({ path: path.join(screenshots, 'curves-late-metric.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('points under way are loading, not awaited, and a panel without points has no axes', async () => {
  const { page, problems } = await host.open('curves', 'dark');
  const fake = new FakeHost(page);
  await fake.send({ type: 'snapshot', runs: three, state: emptyState(three) });
  await page.getByText('Loading…').first().waitFor();
  assert.equal(await page.getByText('Waiting for the first point').count(), 0);
  assert.equal(await page.locator('.chart canvas:visible').count(), 0);
  await page.screenshot({ path: path.join(screenshots, 'curves-loading.png') });
  await fake.answer(2000);
  await page.locator('.panel.big canvas').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.waiting:not([hidden])').length === 0);
  assert.equal(await page.locator('.chart canvas:visible').count(), 4);
  // Another axis needs other points: a slow answer is no reason to keep numbers of the old one.
  await page.locator('.toolbar vscode-dropdown').click();
  await page.getByRole('option', { name: 'tokens' }).click();
  await page.getByText('Loading…').first().waitFor();
  await fake.answer(2000);
  await page.waitForFunction(() => document.querySelectorAll('.waiting:not([hidden])').length === 0);
  assert.deepEqual(problems, []);
  await page.close();
});

test('words at phase switches and decays name their run and never overlap', async () => {
  const runs = Array.from({ length: 10 }, (_, i) =>
    fakeRun(i + 1, `210m-clm-${i}k-mlm40-s${i}`, {
      phases: [
        { objective: 'clm', until: 400 + i * 100 },
        { objective: 'mlm', until: 4200 },
      ],
      decayStart: i < 3 ? 1700 : 1800 + i,
    }),
  );
  for (const theme of themeNames) {
    const { page, problems } = await opened(theme, runs);
    await page.locator('.phase-words span').first().waitFor();
    const words = await page.evaluate(() =>
      [...document.querySelectorAll('.phase-words span')].map((span) => {
        const { left, right, top, bottom } = span.getBoundingClientRect();
        return { text: span.textContent!, left, right, top, bottom };
      }),
    );
    const texts = words.map((word) => word.text);
    assert.ok(texts.includes('decay · 3 runs'), texts.join('; '));
    assert.ok(texts.includes('clm → mlm · 210m-clm-0k-mlm40-s0'), texts.join('; '));
    for (const [i, one] of words.entries())
      for (const other of words.slice(i + 1))
        assert.ok(
          one.right <= other.left ||
            other.right <= one.left ||
            one.bottom <= other.top ||
            other.bottom <= one.top,
          `${one.text} and ${other.text}`,
        );
    await page.locator('.legend .toggle').nth(4).hover();
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll('.phase-words span')].map((s) => s.textContent).join() ===
        'clm → mlm,decay',
    );
    await page.screenshot({ path: path.join(screenshots, `curves-words-${theme}.png`) });
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('a run keeps its colour and marker when others come and go, and in a page that starts anew', async () => {
  const { page, fake } = await opened('dark');
  const look = () =>
    page
      .locator('.legend li', { hasText: '610m-clm-42k' })
      .locator('.swatch')
      .evaluate((swatch) => swatch.outerHTML);
  const before = await look();
  const saved = async () => {
    const last = (await fake.posted()).findLast((m) => m.type === 'state');
    assert.ok(last?.type === 'state');
    return last.state;
  };
  const other = fakeRun(4, '610m-other');
  const runs = [other, three[2]];
  await fake.send({
    type: 'snapshot',
    runs,
    state: { ...(await saved()), runs: runs.map((r) => r.run) },
  });
  await page.locator('.legend').getByText('610m-other').waitFor();
  assert.equal(await look(), before);
  const state = await saved();
  await page.reload();
  await fake.send({ type: 'snapshot', runs, state });
  await page.locator('.legend').getByText('610m-other').waitFor();
  assert.equal(await look(), before);
  await page.close();
});

test('two buttons show curves or table; the one on show is pressed', async () => {
  const { page } = await opened('dark');
  const pressed = () =>
    page
      .getByRole('group', { name: 'View' })
      .locator('vscode-button')
      .evaluateAll((all) => all.map((b) => `${b.textContent} ${b.getAttribute('aria-pressed')}`));
  assert.deepEqual(await pressed(), ['Curves true', 'Table false']);
  await page.getByRole('button', { name: 'Table' }).click();
  await page.locator('.data-table tbody tr').first().waitFor();
  assert.deepEqual(await pressed(), ['Curves false', 'Table true']);
  await page.getByRole('button', { name: 'Curves' }).click();
  await page.locator('.panel.big canvas').waitFor();
  assert.deepEqual(await pressed(), ['Curves true', 'Table false']);
  await page.close();
});

test('no runs offer a launch; a run without points says what it does', async () => {
  const { page, problems } = await host.open('curves', 'dark', 520, 640);
  const fake = new FakeHost(page);
  await fake.send({ type: 'snapshot', runs: [], state: emptyState([]) });
  await page.locator('.empty vscode-button').first().click();
  assert.equal((await fake.posted()).at(-1)?.type, 'launch');
  await page.screenshot({ path: path.join(screenshots, 'curves-empty.png') });
  const run = fakeRun(9, 'micro-mlm40', {
    state: 'starting',
    doing: 'preparing data',
    step: 0,
    loss: null,
    metrics: [],
    phases: [],
  });
  await fake.send({ type: 'snapshot', runs: [run], state: emptyState([run]) });
  await fake.answer(0);
  await page.getByText('micro-mlm40: preparing data. Waiting for the first point.').waitFor();
  await page.screenshot({ path: path.join(screenshots, 'curves-waiting.png') });
  assert.deepEqual(problems, []);
  await page.close();
});
