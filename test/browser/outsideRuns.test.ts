import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { answerFileDialog } from '../support/fileDialog.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, pick, quickPickRows, screenshot, webviewFrame } from '../support/workbenchPage.ts';

const golden = path.resolve(import.meta.dirname, '../unit/core/fixtures/tensorboard');
let workbench: Workbench;
let page: Page;
let logs: string;

before(async () => {
  workbench = await startWorkbench();
  logs = path.join(workbench.folder, 'logs');
  for (const run of ['old_style', 'resumed'])
    fs.cpSync(path.join(golden, run), path.join(logs, run), { recursive: true });
  fs.writeFileSync(path.join(logs, '<b>bold<b>.csv'), 'Step,train/loss\n1,4\n2,3\n3,2\n');
  fs.writeFileSync(path.join(workbench.folder, 'unclear.csv'), 'epoch,updates,loss\n1,10,4\n2,20,3\n');
  page = await workbench.open();
});
after(() => workbench?.close());

async function title(text: string): Promise<void> {
  await page.locator('.quick-input-title', { hasText: text }).waitFor();
}

function importedFolders(): string[] {
  const folder = path.join(workbench.person.home, '.local/state/biphase/imported');
  return fs.readdirSync(folder);
}

test('a folder of TensorBoard runs and tables comes in, and its runs show curves', async () => {
  await palette(page, 'Biphase: Import Runs…');
  await pick(page, 'Folder…');
  await title('Folder to import');
  await answerFileDialog(page, `${logs}/`, 'old_style', 'Import');
  await page.locator('.notification-list-item-message', { hasText: 'Imported 3 runs.' }).first().waitFor();
  assert.equal(importedFolders().length, 3);
  const item = page.locator('.notification-list-item', { hasText: 'Imported 3 runs.' }).first();
  await item.locator('.monaco-button', { hasText: 'Show Curves' }).focus();
  await page.keyboard.press('Enter');
  const frame = await webviewFrame(page, 'canvas');
  await frame.locator('body', { hasText: 'resumed' }).waitFor();
  assert.equal(await frame.locator('b', { hasText: 'bold' }).count(), 0, 'no name becomes markup');
  await screenshot(page, 'imported-runs');
  // A page that takes the focus closes the next question.
  await palette(page, 'View: Close All Editors');
  await page.locator('.tabs-container .tab').first().waitFor({ state: 'detached' });
});

test('a table that does not say its step asks for it', async () => {
  // A page that was just closed may take the question along: then the command is pressed again.
  const files = page.locator('.quick-input-list .monaco-list-row', { hasText: 'Files…' }).first();
  for (let left = 5; left > 0 && (await files.count()) === 0; left--) {
    await palette(page, 'Biphase: Import Runs…');
    await files.waitFor({ timeout: 5000 }).catch(() => {});
  }
  await pick(page, 'Files…');
  await title('Files to import');
  await answerFileDialog(page, path.join(workbench.folder, 'unclear.csv'), 'unclear.csv', 'Import');
  await title('Which column of unclear.csv is the step?');
  const rows = await quickPickRows(page);
  assert.deepEqual(
    rows.map((row) => row.split(',')[0]),
    ['epoch', 'updates', 'loss', 'None: count the rows'],
  );
  await pick(page, 'updates');
  await page.locator('.notification-list-item-message', { hasText: 'Imported unclear.' }).first().waitFor();
  assert.equal(importedFolders().length, 4);
});

test('a run goes out as a folder of event files, and what is there is replaced only when the person says so', async () => {
  const out = path.join(workbench.folder, 'out');
  fs.mkdirSync(path.join(out, 'there'), { recursive: true });
  const exportIt = async (): Promise<void> => {
    await palette(page, 'Biphase: Export Run…');
    await title('Export which runs?');
    await page.locator('.quick-input-widget .quick-input-box input').fill('resumed');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'resumed' }).first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await title('Export as what?');
    await pick(page, 'TensorBoard');
    await title('Folder for the export');
    await answerFileDialog(page, `${out}/`, 'there', 'Export');
  };
  await exportIt();
  await page
    .locator('.notification-list-item-message', { hasText: `13 points of resumed are in ${out}/resumed.` })
    .first()
    .waitFor();
  const files = fs.readdirSync(path.join(out, 'resumed'));
  assert.equal(files.length, 2);
  fs.truncateSync(path.join(out, 'resumed', files[0]!), 3);
  await exportIt();
  await page.locator('.monaco-dialog-box', { hasText: 'is already there' }).waitFor();
  await screenshot(page, 'export-replaces');
  await page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Replace' }).focus();
  await page.keyboard.press('Enter');
  const end = Date.now() + 60_000;
  while (fs.statSync(path.join(out, 'resumed', files[0]!)).size === 3 && Date.now() < end)
    await page.waitForTimeout(50);
  assert.deepEqual(fs.readdirSync(path.join(out, 'resumed')), files);
});
