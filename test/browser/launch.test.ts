import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, pick, screenshot, webviewFrame } from '../support/workbenchPage.ts';

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
