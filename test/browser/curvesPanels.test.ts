import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame, Locator, Page } from 'playwright-core';
import { connectControl } from '../../src/control/client/controlClient.ts';
import { writeCurves } from '../support/recordedCurves.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, patience, reloadWindow, screenshot, untilLayoutKept } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;

before(async () => {
  workbench = await startWorkbench();
  // A run that was recorded: what is drawn does not wait for a trainer.
  const folder = path.join(workbench.person.home, 'recorded');
  const lines = Array.from({ length: 400 }, (_, i) => ({
    segment: 0,
    step: i + 1,
    metrics: { loss: 2 + 4 * Math.exp(-i / 80) },
  }));
  writeCurves(folder, 'recorded', lines);
  const client = await connectControl({
    stateFolder: path.join(workbench.person.home, '.local/state/biphase'),
    controlFile: path.resolve(import.meta.dirname, '../../dist/control.mjs'),
    execPath: process.execPath,
    client: 'cli',
    trusted: () => true,
    version: '0.1.0',
    environment: workbench.person.environment,
  });
  await client.call('importRuns', { transfer: 'recorded', paths: [folder], steps: {} });
  client.dispose();
  page = await workbench.open();
  await palette(page, 'Biphase: Show Curves');
});
after(() => workbench?.close());

/** Resolves to the frames of the curves pages on show, once there are so many, each with its run drawn. */
async function curvesFrames(count: number): Promise<Frame[]> {
  const deadline = Date.now() + patience;
  for (;;) {
    const frames: Frame[] = [];
    for (const frame of page.frames()) {
      if (frame === page.mainFrame()) continue;
      const drawn = await frame
        .locator('.panel.big .chart:not(.blank) canvas[data-metric]')
        .isVisible()
        .catch(() => false);
      if (drawn) frames.push(frame);
    }
    if (frames.length === count) return frames;
    assert.ok(Date.now() < deadline, `${frames.length} of ${count} curves pages`);
    await page.waitForTimeout(200);
  }
}

/** Its checkbox, where the page has a logarithmic y axis. */
function logarithmic(frame: Frame): Locator {
  return frame.locator('vscode-checkbox[aria-checked=true]', { hasText: 'log y' });
}

test('a second curves panel in another column follows the cursor and range of the first', async () => {
  await curvesFrames(1);
  await palette(page, 'Biphase: Open Curves in New Panel');
  const [first, second] = (await curvesFrames(2)) as [Frame, Frame];
  // Each key with the focus where it belongs: the second page may take it while it loads.
  const chart = first.locator('.panel.big .chart');
  await chart.press('Home');
  await chart.press('ArrowRight');
  await second.locator('.panel.big .overlay line').waitFor({ state: 'attached' });
  await chart.press('+');
  await second.locator('vscode-button', { hasText: 'Whole run' }).waitFor();
  await screenshot(page, 'curves-two-panels');
});

test('both panels come back after a reload with the range that they had', async () => {
  await reloadWindow(page);
  for (const frame of await curvesFrames(2))
    await frame.locator('vscode-button', { hasText: 'Whole run' }).waitFor();
});

test('both panels come back in a window that is opened anew, each as it was left', async () => {
  const [first, second] = (await curvesFrames(2)) as [Frame, Frame];
  await second.locator('vscode-button', { hasText: 'Whole run' }).click();
  await first.locator('vscode-button', { hasText: 'Whole run' }).waitFor({ state: 'hidden' });
  await second.locator('.panel.big .chart').press('l');
  await logarithmic(second).waitFor();
  await untilLayoutKept(page, /logY\W+true/);
  await page.close();
  page = await workbench.open();
  const frames = await curvesFrames(2);
  const one = await Promise.any(
    frames.map((frame) =>
      logarithmic(frame)
        .waitFor()
        .then(() => frame),
    ),
  );
  for (const frame of frames) assert.equal(await logarithmic(frame).count(), frame === one ? 1 : 0);
  for (const frame of frames)
    assert.equal(await frame.locator('vscode-button', { hasText: 'Whole run' }).isVisible(), false);
});
