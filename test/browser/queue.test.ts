import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, paletteAndPick, patience, screenshot } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;

before(async () => {
  workbench = await startWorkbench();
  const model = '{hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32}';
  const data = '{source: world, packing: {length: 32}, tokenizer: {train: {vocabSize: 300}}}';
  for (const [name, steps] of [
    ['long', 1_000_000],
    ['short', 5],
  ] as const)
    fs.writeFileSync(
      path.join(workbench.folder, `${name}.run.yaml`),
      `name: ${name}\nmodel: ${model}\ndata: ${data}\nbatch: {samples: 4}\nphases: [{objective: clm, until: ${steps}}]\n` +
        'engine: {threads: 1}\n',
    );
  page = await workbench.open();
});
after(() => workbench?.close());

function row(words: RegExp) {
  return page.locator('.monaco-list-row').filter({ hasText: words }).first();
}

function nodesFile(): { nodes: { name: string; slots?: number }[] } {
  const file = path.join(workbench.person.home, '.local/state/biphase/nodes.json');
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

async function told(text: string): Promise<void> {
  await page.locator('.notification-list-item-message', { hasText: text }).first().waitFor();
}

/** Replaces the text of the active editor and saves it, by keys. */
async function saveText(text: string): Promise<void> {
  await page.locator('.editor-instance .monaco-editor').first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
  // The editor closes brackets and quotes by itself.
  await page.keyboard.press('Control+Shift+End');
  await page.keyboard.press('Delete');
  await page.keyboard.press('Control+S');
}

async function launchFile(name: string): Promise<void> {
  await palette(page, 'Go to File...');
  await page.locator('.quick-input-widget .quick-input-box input').fill(`${name}.run.yaml`);
  await page
    .locator('.quick-input-widget .monaco-list-row', { hasText: `${name}.run.yaml` })
    .first()
    .waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.tab.active', { hasText: `${name}.run.yaml` }).waitFor();
  await palette(page, 'Biphase: Launch from File');
}

test("a node's settings are edited as JSON: a mistake is named and changes nothing, a number of slots is kept", async () => {
  await paletteAndPick(page, 'Biphase: Edit Node…', 'this computer');
  await page.locator('.tab.active', { hasText: 'this computer.biphase-node.json' }).waitFor();
  await saveText('{"slot": 1}');
  await told('"slot" is not a setting of a node. Did you mean "slots"?');
  await palette(page, 'Notifications: Clear All Notifications');
  await saveText('{"slots": 1}');
  await page.locator('.tab.active:not(.dirty)', { hasText: 'this computer.biphase-node.json' }).waitFor();
  assert.deepEqual(nodesFile().nodes, [{ name: 'this computer', kind: 'local', slots: 1 }]);
});

test('a second run waits with its place; it starts when the first has stopped, unless the queue is paused', async () => {
  await launchFile('long');
  await palette(page, 'Biphase: Focus on Runs View');
  await row(/long.*\/1M/).waitFor();
  await launchFile('short');
  await row(/short.*queued · 1st of 1 on this computer/).waitFor();
  await row(/this computer.*1 running · 1 waiting/).waitFor();
  await paletteAndPick(page, 'Biphase: Pause Queue', 'this computer');
  await told('The queue of this computer is paused');
  await row(/this computer.*paused/).waitFor();
  await screenshot(page, 'queue');
  await paletteAndPick(page, 'Biphase: Stop Run', 'long');
  await row(/long.*stopped/).waitFor();
  await row(/short.*queued/).waitFor();
  await paletteAndPick(page, 'Biphase: Release Queue', 'this computer');
  await page
    .locator('.monaco-list-row[aria-label^="short, finished"]')
    .first()
    .waitFor({ timeout: 2 * patience });
});
