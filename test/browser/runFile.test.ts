import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, pick } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;

before(async () => {
  workbench = await startWorkbench();
  fs.writeFileSync(path.join(workbench.folder, 'typo.run.yaml'), 'modle: micro\ndata: {source: world}\n');
  page = await workbench.open();
});
after(() => workbench?.close());

const suggestions = '.suggest-widget.visible .monaco-list-row';

test('typing "objective: " in a new run file offers clm and mlm', async () => {
  await palette(page, 'Biphase: New Run File');
  await page.locator('.tab.active', { hasText: 'new.run.yaml' }).waitFor();
  await page.locator('.monaco-editor .view-line', { hasText: 'phases' }).waitFor();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('  - objective: ');
  await page.locator(suggestions, { hasText: 'mlm' }).waitFor();
  const labels = await page.locator(suggestions).allInnerTexts();
  for (const objective of ['clm', 'mlm'])
    assert.ok(
      labels.some((label) => label.trim().startsWith(objective)),
      `${objective} in ${labels.join(', ')}`,
    );
  await page.keyboard.press('Escape');
});

test('an unknown key is marked and the problem names the nearest', async () => {
  await palette(page, 'Go to File...');
  await pick(page, 'typo.run.yaml');
  await page.locator('.tab.active', { hasText: 'typo.run.yaml' }).waitFor();
  await page.locator('.monaco-editor .squiggly-error').first().waitFor();
  await palette(page, 'Problems: Focus on Problems View');
  const problem = page.locator('.markers-panel .monaco-list-row', { hasText: 'Did you mean "model"?' });
  await problem.first().waitFor();
});

test('Launch from File names the file and the line of what is wrong, and shows it', async () => {
  await palette(page, 'Go to File...');
  await pick(page, 'typo.run.yaml');
  await page.locator('.tab.active', { hasText: 'typo.run.yaml' }).waitFor();
  await palette(page, 'Biphase: Launch from File');
  const told = page.locator('.notification-list-item-message', { hasText: 'typo.run.yaml, line 1: ' });
  await told.filter({ hasText: 'Did you mean "model"?' }).first().waitFor();
  await page.locator('.tab.active', { hasText: 'typo.run.yaml' }).waitFor();
});

test('that nothing runs is no error', async () => {
  await palette(page, 'Biphase: Stop Run');
  const told = page.locator('.notification-list-item', { hasText: 'No run is running.' }).first();
  await told.waitFor();
  assert.equal(await told.locator('.codicon-info').count(), 1);
});
