import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame, Page } from 'playwright-core';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, patience, screenshot } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;

before(async () => {
  workbench = await startWorkbench();
  fs.writeFileSync(
    path.join(workbench.folder, 'short.run.yaml'),
    'name: short\nmodel: {hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32}\n' +
      'data: {source: world, packing: {length: 32}, tokenizer: {train: {vocabSize: 300}}}\n' +
      'batch: {samples: 4}\nphases: [{objective: clm, until: 400}]\nengine: {threads: 1}\n',
  );
  page = await workbench.open();
  await palette(page, 'Go to File...');
  await page.locator('.quick-input-widget .quick-input-box input').fill('short.run.yaml');
  await page.locator('.quick-input-widget .monaco-list-row', { hasText: 'short.run.yaml' }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.tab.active', { hasText: 'short.run.yaml' }).waitFor();
  await palette(page, 'Biphase: Launch from File');
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

test('a second curves panel in another column follows the cursor and range of the first', async () => {
  await curvesFrames(1);
  await palette(page, 'Biphase: Open Curves in New Panel');
  const [first, second] = (await curvesFrames(2)) as [Frame, Frame];
  await first.locator('.panel.big .chart').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await second.locator('.panel.big .overlay line').waitFor({ state: 'attached' });
  await page.keyboard.press('+');
  await second.locator('vscode-button', { hasText: 'Whole run' }).waitFor();
  await screenshot(page, 'curves-two-panels');
});
