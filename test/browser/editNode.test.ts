import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type ControlClient, connectControl } from '../../src/control/client/controlClient.ts';
import type { NodeConfig } from '../../src/protocol/controlApi.ts';
import { controlOptions } from '../support/controlWindow.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, paletteAndPick, screenshot } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;
/** Another window. */
let other: ControlClient;

before(async () => {
  workbench = await startWorkbench({ settings: { 'files.autoSave': 'off' } });
  page = await workbench.open();
  await palette(page, 'Biphase: Focus on Nodes View');
  await page.locator('.monaco-list-row', { hasText: 'this computer' }).first().waitFor();
  other = await connectControl(controlOptions(workbench.person));
});
after(async () => {
  other?.dispose();
  await workbench?.close();
});

const nodesFile = (): string => path.join(workbench.person.home, '.local/state/biphase/nodes.json');

function nodes(): NodeConfig[] {
  return (JSON.parse(fs.readFileSync(nodesFile(), 'utf8')) as { nodes: NodeConfig[] }).nodes;
}

function slots(name: string): number | undefined {
  return nodes().find((node) => node.name === name)?.slots;
}

async function open(name: string): Promise<void> {
  await paletteAndPick(page, 'Biphase: Edit Node…', name.slice(0, 5));
  await page.locator('.tab.active', { hasText: `${name}.biphase-node.json` }).waitFor();
}

/** Replaces the text of the active editor by keys; it stays unsaved. */
async function type(text: string): Promise<void> {
  await page.locator('.editor-instance .monaco-editor').first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
  // The editor closes brackets and quotes by itself.
  await page.keyboard.press('Control+Shift+End');
  await page.keyboard.press('Delete');
  await page.locator('.tab.active.dirty').waitFor();
}

async function saved(): Promise<void> {
  await page.locator('.tab.active:not(.dirty)').waitFor();
}

/** VS Code refuses to save over what it has not seen, and offers to do so or to compare. */
async function overwrite(): Promise<void> {
  const conflict = page.locator('.notification-toast', { hasText: 'Failed to save' });
  await conflict.first().waitFor();
  await conflict.first().locator('.monaco-button', { hasText: 'Compare' }).waitFor();
  await screenshot(page, 'edit-node-conflict');
  await conflict.first().locator('.monaco-button', { hasText: 'Overwrite' }).click();
  await saved();
}

test('a node that is changed elsewhere is shown anew, and never saved over unasked', async () => {
  const atlas = (count: number): NodeConfig => ({
    name: 'atlas',
    kind: 'ssh',
    host: 'nowhere',
    slots: count,
  });
  await other.call('addNode', { config: atlas(1) });
  await open('atlas');
  await other.call('addNode', { config: atlas(2) });
  await page.locator('.view-line', { hasText: '"slots": 2' }).first().waitFor();

  await type('{"host": "nowhere", "slots": 4}');
  // As long as the text before.
  await other.call('addNode', { config: atlas(3) });
  await page.keyboard.press('Control+S');
  await page.locator('.notification-toast', { hasText: 'newer' }).first().waitFor();
  assert.equal(slots('atlas'), 3);
  await overwrite();
  assert.equal(slots('atlas'), 4);

  await type('{"host": "nowhere", "slots": 6}');
  fs.writeFileSync(nodesFile(), fs.readFileSync(nodesFile(), 'utf8').replace('"slots": 4', '"slots": 5'));
  await page.keyboard.press('Control+S');
  await page.locator('.notification-toast', { hasText: 'newer' }).first().waitFor();
  assert.equal(slots('atlas'), 5);
  await overwrite();
  assert.equal(slots('atlas'), 6);
  // What nobody else has changed is saved as ever.
  await type('{"host": "nowhere", "slots": 7}');
  await page.keyboard.press('Control+S');
  await saved();
  assert.equal(slots('atlas'), 7);
});

for (const name of [
  `quote "double" 'single' ;touch canary`,
  'shell $(touch canary) `touch canary` ${HOME}',
  'unico ünï 東京 ١٢ ﬁ e\u0301',
  'place %2e%2e %41 #part?query=1&x',
  'twice..',
])
  test(`the node ${name} is edited under this name`, async () => {
    await other.call('addNode', { config: { name, kind: 'ssh', host: 'nowhere' } });
    await open(name);
    await type('{"host": "nowhere", "slots": 9}');
    await page.keyboard.press('Control+S');
    await saved();
    assert.deepEqual(
      nodes().filter((node) => node.slots === 9 && node.name === name),
      [{ name, kind: 'ssh', host: 'nowhere', slots: 9 }],
    );
    await other.call('removeNode', { name });
    await palette(page, 'View: Close All Editors');
    assert.equal(fs.existsSync(path.join(workbench.person.home, 'canary')), false);
  });

test('names that are paths are names of no node', async () => {
  for (const name of ['..', '../atlas', 'a/b', '/etc/passwd', '.hidden', 'a\\b'])
    await assert.rejects(other.call('addNode', { config: { name, kind: 'ssh', host: 'nowhere' } }), {
      kind: 'usage',
      message: /cannot be the name of a node/,
    });
});
