import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { FromCurvesPage } from '../../../src/protocol/pageMessages.ts';
import { middles, seenPixels } from './chartPixels.ts';
import { fakeRun } from './fakeRuns.ts';
import { frames, openCurves, plotBox } from './openCurves.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { StoredRun } from './storedRun.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

/** Waits until the saved range fits. */
async function rangeOf(page: Page, fits: 'some' | 'none'): Promise<[number, number] | null> {
  const found = await page.waitForFunction((wanted) => {
    const all = (globalThis as unknown as { posted: FromCurvesPage[] }).posted;
    const last = all.findLast((m) => m.type === 'state');
    if (last?.type !== 'state' || (last.state.range === null) !== (wanted === 'none')) return undefined;
    return { range: last.state.range };
  }, fits);
  return (await found.jsonValue())!.range;
}

test('dragging chooses a range, Shift pans, the wheel zooms and pans, a double click shows everything', async () => {
  const { page, problems, settle } = await openCurves(host);
  const { left, right, middle } = await plotBox(page);
  const at = (share: number) => left + (right - left) * share;
  await page.mouse.move(at(0.25), middle);
  await page.mouse.down();
  await page.mouse.move(at(0.5), middle);
  await page.locator('.panel.big .brush:not([hidden])').waitFor();
  await page.screenshot({ path: path.join(screenshots, 'curves-brush.png') });
  await page.mouse.up();
  const chosen = (await rangeOf(page, 'some'))!;
  assert.ok(Math.abs(chosen[0] - 500) < 10 && Math.abs(chosen[1] - 1000) < 10, chosen.join());
  await settle();

  await page.keyboard.down('Shift');
  await page.mouse.move(at(0.5), middle);
  await page.mouse.down();
  await page.mouse.move(at(0.3), middle, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await page.waitForFunction((before) => {
    const all = (globalThis as unknown as { posted: FromCurvesPage[] }).posted;
    const last = all.findLast((m) => m.type === 'state');
    return last?.type === 'state' && last.state.range !== null && last.state.range[0] > before + 50;
  }, chosen[0]);
  const panned = (await rangeOf(page, 'some'))!;
  assert.ok(Math.abs(panned[0] - chosen[0] - 100) < 10, panned.join());
  assert.ok(Math.abs(panned[1] - panned[0] - (chosen[1] - chosen[0])) < 1, 'a pan keeps the width');

  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -200);
  await page.keyboard.up('Control');
  await page.waitForFunction((width) => {
    const all = (globalThis as unknown as { posted: FromCurvesPage[] }).posted;
    const last = all.findLast((m) => m.type === 'state');
    return (
      last?.type === 'state' &&
      last.state.range !== null &&
      last.state.range[1] - last.state.range[0] < width * 0.9
    );
  }, panned[1] - panned[0]);
  await page.mouse.dblclick(at(0.5), middle);
  await rangeOf(page, 'none');
  assert.deepEqual(problems, []);
  await page.close();
});

test('while a gesture lasts the last picture is moved in every frame, and the exact one follows', async () => {
  const { page } = await openCurves(host);
  const { left, right, middle } = await plotBox(page);
  await page.mouse.move((left + right) / 2, middle);
  const transforms = await page.evaluate(async () => {
    const chart = document.querySelector('.panel.big .chart')!;
    const bounds = chart.getBoundingClientRect();
    const seen: string[] = [];
    for (let i = 0; i < 10; i++) {
      chart.dispatchEvent(
        new WheelEvent('wheel', {
          deltaY: -20,
          ctrlKey: true,
          clientX: bounds.left + bounds.width / 2,
          clientY: bounds.top + 50,
          cancelable: true,
        }),
      );
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      seen.push(
        [...document.querySelectorAll<HTMLElement>('.moving:not([hidden]) canvas')]
          .map((picture) => picture.style.transform)
          .join(';'),
      );
    }
    return seen;
  });
  assert.equal(new Set(transforms).size, 10, transforms.join('\n'));
  for (const each of transforms) assert.equal(each.split(';').length, 4, 'all panels move together');
  await page.waitForFunction(() => document.querySelectorAll('.moving:not([hidden])').length === 0);
  await page.close();
});

test('a zoom asks for its range, draws what comes, and the note says exactly how many points that are', async (context) => {
  const steps = 20_000;
  const run = fakeRun(1, 'long', {
    ...{ step: steps, totalSteps: steps, phases: [{ objective: 'mlm', until: steps }] },
    ...{ decayStart: undefined, checkpoints: [], metrics: ['loss'] },
  });
  const stored = new StoredRun(context, run);
  stored.write(
    Array.from({ length: steps }, (_, i) => ({ step: i + 1, metrics: { loss: i % 2 === 0 ? 1 : 2 } })),
  );
  const { page, problems, fake, settle } = await openCurves(host, {
    runs: [run],
    state: { metrics: ['loss'] },
    prepare: (fake) => {
      fake.service = stored.service;
    },
  });
  const note = page.locator('.panel.big .note');
  const noted = async () => {
    const { points, total } = fake.answers.at(-1)!;
    assert.equal(
      await note.innerText(),
      `${points.toLocaleString('en')} of ${total.toLocaleString('en')} points`,
    );
  };
  /** Waits for a request of no more steps than these, and has it drawn. */
  const refined = async (most: number) => {
    const found = await page.waitForFunction(
      (wanted) =>
        (globalThis as unknown as { posted: FromCurvesPage[] }).posted.flatMap((m) => {
          const { from, to } = m.type === 'series' ? m.series : { from: null, to: null };
          return from !== null && to !== null && to - from < wanted ? [{ from, to }] : [];
        })[0],
      most,
    );
    await settle();
    return (await found.jsonValue())!;
  };
  const whole = fake.answers.at(-1)!;
  assert.ok(whole.total === steps && whole.points < steps / 4, `${whole.points}`);
  await noted();

  const { left, right, middle } = await plotBox(page);
  await page.mouse.move(left + (right - left) * 0.25, middle);
  await page.mouse.down();
  await page.mouse.move(left + (right - left) * 0.45, middle);
  await page.mouse.up();
  await page.mouse.move(5, 5);
  const { from, to } = await refined(steps);
  // Half a view more on both sides, to the nearest points that the page had.
  assert.ok(Math.abs(from - 3000) < 200 && Math.abs(to - 11_000) < 200, `${from} ${to}`);
  const zoomed = fake.answers.at(-1)!;
  assert.equal(zoomed.total, to - from + 1);
  assert.ok(zoomed.bucket < whole.bucket && zoomed.points > whole.points, JSON.stringify([whole, zoomed]));
  await noted();

  /** Where the line is at its upper value, in steps. */
  const peaks = async () => {
    const { columns, plot } = await seenPixels(page, { to: [1, 0.1], ofFirst: true });
    return middles(columns).map((x) => 10_001 + (40 * (x - plot.left)) / (plot.right - plot.left));
  };
  await fake.send({ type: 'linked', view: { x: 'step', cursor: null, range: [10_001, 10_041] } });
  await page.waitForFunction(() => document.querySelector('.charts')!.getAttribute('aria-busy') === 'false');
  assert.ok((await peaks()).length < 20);
  await refined(200);
  const all = fake.answers.at(-1)!;
  assert.ok(all.bucket === 1 && all.points === all.total, JSON.stringify(all));
  await noted();
  await page.screenshot({ path: path.join(screenshots, 'curves-zoomed.png') });
  const seen = await peaks();
  assert.equal(seen.length, 20, seen.join());
  for (const [i, step] of seen.entries()) assert.ok(Math.abs(step - (10_002 + 2 * i)) < 0.2, seen.join());
  assert.deepEqual(problems, []);
  await page.close();
});

test('keys zoom, pan, choose a range, show everything, and tell what a chart shows', async () => {
  const { page, saved, settle } = await openCurves(host);
  await page.locator('.panel.big .chart').focus();
  await page.keyboard.press('+');
  const zoomed = (await rangeOf(page, 'some'))!;
  await settle();
  await page.keyboard.press(']');
  await page.waitForFunction((before) => {
    const all = (globalThis as unknown as { posted: FromCurvesPage[] }).posted;
    const last = all.findLast((m) => m.type === 'state');
    return last?.type === 'state' && last.state.range !== null && last.state.range[0] > before;
  }, zoomed[0]);
  await page.keyboard.press('0');
  await rangeOf(page, 'none');
  await settle();
  await page.keyboard.press('Home');
  await page.keyboard.press('PageDown');
  await page.keyboard.press('b');
  await page.keyboard.press('PageDown');
  await page.keyboard.press('PageDown');
  assert.equal(await page.locator('.panel.big .overlay rect').count(), 1);
  await page.keyboard.press('b');
  const range = (await rangeOf(page, 'some'))!;
  assert.deepEqual(range.map(Math.round), [52, 152]);
  await page.keyboard.press('i');
  await page.locator('[role=status]', { hasText: /610m-mlm40-42k: [\d.]+ at step 2,000/ }).waitFor();
  await page.keyboard.press('r');
  await page.keyboard.press('p');
  const state = await saved();
  assert.deepEqual([state.robust, state.pinned], [['loss'], 'loss']);
  await page.close();
});

test('cursor and range go to linked panels and come from them, unless one is locked', async () => {
  const { page, fake, saved } = await openCurves(host);
  const linked = async () => (await fake.posted()).flatMap((m) => (m.type === 'linked' ? [m.view] : []));
  const { left, right, middle } = await plotBox(page);
  await page.mouse.move((left + right) / 2, middle);
  await page.waitForFunction(() =>
    (globalThis as unknown as { posted: FromCurvesPage[] }).posted.some((m) => m.type === 'linked'),
  );
  const told = (await linked()).at(-1)!;
  assert.ok(told.x === 'step' && told.cursor !== null && Math.abs(told.cursor - 1000) < 10);
  await page.mouse.move(5, 5);
  const before = (await linked()).length;
  await fake.send({ type: 'linked', view: { x: 'step', cursor: 500, range: [200, 800] } });
  await page.waitForFunction(() => document.querySelectorAll('.overlay line').length === 4);
  await page.screenshot({ path: path.join(screenshots, 'curves-linked.png') });
  assert.equal(await page.locator('.readout:not([hidden])').count(), 0, 'the card is where the pointer is');
  await rangeOf(page, 'some');
  assert.deepEqual((await saved()).range, [200, 800]);
  assert.equal((await linked()).length, before, 'what came is not sent back');
  await fake.send({ type: 'linked', view: { x: 'tokens', cursor: 9e6, range: [1e6, 2e6] } });
  await frames(page, 2);
  assert.deepEqual((await saved()).range, [200, 800], 'another axis has other places');
  await page.getByRole('button', { name: 'Linked' }).click();
  assert.equal((await saved()).linked, false);
  await fake.send({ type: 'linked', view: { x: 'step', cursor: 900, range: null } });
  await frames(page, 2);
  assert.deepEqual((await saved()).range, [200, 800]);
  await page.close();
});
