import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { answer, palette, pick, quickPickRows, screenshot, webviewFrame } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;
const name = 'micro-clm-600';

before(async () => {
  workbench = await startWorkbench();
  page = await workbench.open();
});
after(() => workbench?.close());

/** Waits until the quick pick has its title, so that no row of the one before is taken. */
async function wizardPage(step: number): Promise<void> {
  await page.locator('.quick-input-title', { hasText: `(${step}/4)` }).waitFor();
}

test('Launch Run…, four picks and Start with the keyboard alone give a live curve', async () => {
  await palette(page, 'Biphase: Launch Run…');
  for (const [index, label] of ['CLM', 'micro', 'Built-in world', 'this computer'].entries()) {
    await wizardPage(index + 1);
    await pick(page, label);
  }
  const check = await webviewFrame(page, 'text=Does it fit');
  await check.locator(`text=${name}`).first().waitFor();
  await screenshot(page, 'check');
  const start = check.locator('vscode-button', { hasText: 'Start' });
  await start.focus();
  await page.keyboard.press('Enter');
  const curves = await webviewFrame(page, '.panel');
  await curves.locator(`text=${name}`).first().waitFor();
  await page.locator('.statusbar-item', { hasText: /1 running · \d/ }).waitFor();
  await screenshot(page, 'curves-one-run');
});

test('the wizard takes a dataset of the hub by its page, and offers to add a node', async () => {
  await palette(page, 'Biphase: Launch Run…');
  for (const [index, label] of ['MLM', 'micro', 'Hugging Face dataset…'].entries()) {
    await wizardPage(index + 1);
    await pick(page, label);
  }
  await answer(page, 'https://huggingface.co/datasets/HuggingFaceFW/fineweb-edu');
  await wizardPage(4);
  await screenshot(page, 'wizard-nodes');
  const rows = await quickPickRows(page);
  assert.ok(
    rows.some((label) => label.includes('Add Node…')),
    rows.join(' | '),
  );
  await pick(page, 'Add Node…');
  await page.locator('.quick-input-title', { hasText: 'Add Node (1/2)' }).waitFor();
  await page.keyboard.press('Escape');
  await wizardPage(4);
  await pick(page, 'this computer');
  const check = await webviewFrame(page, 'text=What differs from the last run');
  await check.locator('text=data: world → hub:HuggingFaceFW/fineweb-edu').waitFor();
  await check.locator('text=phase removed: clm, steps 0 to 600').waitFor();
  await screenshot(page, 'check-differences');
});

test('Custom… opens a run file with a shape to change', async () => {
  await palette(page, 'Biphase: Launch Run…');
  for (const [index, label] of ['CLM → MLM', 'Custom…'].entries()) {
    await wizardPage(index + 1);
    await pick(page, label);
  }
  await page.locator('.tab.active', { hasText: 'custom.run.yaml' }).waitFor();
  await page.locator('.monaco-editor .view-line', { hasText: 'intermediateSize' }).waitFor();
});
