import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { makePrivateHome } from '../support/privateHome.ts';
import { writeRunFolder } from '../support/runFolder.ts';
import { type SshNode, startSshNode } from '../support/sshNode.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, pick, quickPickRows, screenshot } from '../support/workbenchPage.ts';

const checkpointBytes = 4 << 20;
const first = '20250101-aaaaaaaa';
const second = '20250101-bbbbbbbb';
let workbench: Workbench;
let node: SshNode;
let page: Page;

before(async () => {
  const person = makePrivateHome();
  node = await startSshNode(person);
  writeRunFolder(node.root, first, {
    name: 'stopped-run',
    state: 'stopped',
    steps: [10, 20, 30],
    checkpointBytes,
    file: { checkpoints: { at: [20] } },
  });
  writeRunFolder(node.root, second, { name: 'done-run', state: 'finished', steps: [10], checkpointBytes });
  fs.mkdirSync(path.join(node.root, 'cache/tokens/key'), { recursive: true });
  fs.writeFileSync(path.join(node.root, 'cache/tokens/key/shard'), Buffer.alloc(checkpointBytes));
  workbench = await startWorkbench({ person });
  page = await workbench.open();
});
after(async () => {
  await workbench?.close();
  await node?.sshd.stop();
});

async function title(text: string | RegExp): Promise<void> {
  await page.locator('.quick-input-title', { hasText: text }).waitFor();
}

/** Ticks the row whose label or description begins so, with keys. */
async function tick(filter: string): Promise<void> {
  await page.locator('.quick-input-widget .quick-input-box input').fill(filter);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: filter }).first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
}

async function message(text: string | RegExp): Promise<void> {
  await page.locator('.notification-list-item-message', { hasText: text }).first().waitFor();
}

async function dialog(text: string): Promise<void> {
  await page.locator('.monaco-dialog-box', { hasText: text }).waitFor();
}

test('a node for the tests', async () => {
  await palette(page, 'Biphase: Add Node…');
  await title('host');
  await pick(page, node.host);
  await title('name');
  await page.keyboard.press('Enter');
  await message(`${node.host} works`);
});

test('Free Space… deletes what is ticked and confirmed with keys alone, and says what was freed', async () => {
  await palette(page, 'Biphase: Free Space…');
  await title('Free space on which node?');
  await pick(page, node.host);
  await title(/Free Space on atlas: .* used, .* free/);
  const rows = (await quickPickRows(page)).map((row) => row.replace(/written [^,]*/, 'written …'));
  assert.deepEqual(rows, [
    `stopped-run, 4 MiB · old checkpoint of step 10, stopped · ${first}, checkpoints`,
    `stopped-run, 4 MiB · checkpoint of step 20, kept by its run file, stopped · ${first}`,
    `stopped-run, 12 MiB · the whole run (checkpoints 12 MiB), stopped · ${first}, runs`,
    `done-run, 4 MiB · the whole run (checkpoints 4 MiB), finished · ${second}`,
    'Tokens of a corpus, 4 MiB · written …, tokens/key · made again by the next run that needs it, cache',
  ]);
  await screenshot(page, 'free-space');
  assert.equal(await page.locator('.quick-input-list [aria-checked="true"]').count(), 0);
  await tick('old checkpoint of step 10');
  await title('1 ticked, 4 MiB');
  await page.keyboard.press('Enter');
  await dialog('Delete checkpoints of 1 run on atlas?');
  await screenshot(page, 'free-space-question');
  await page.keyboard.press('Enter');
  await message('4 MiB were freed on atlas.');
  assert.deepEqual(fs.readdirSync(path.join(node.root, 'runs', first, 'checkpoints')), [
    'step-000020',
    'step-000030',
  ]);
});

test('who says no to the last question keeps everything', async () => {
  await palette(page, 'Biphase: Free Space…');
  await pick(page, node.host);
  await title(/Free Space on atlas: .* used/);
  await tick('the whole run (checkpoints 8 MiB)');
  await title('1 ticked, 8 MiB');
  await page.keyboard.press('Enter');
  await dialog('Delete 1 run on atlas?');
  await page.keyboard.press('Escape');
  await page.locator('.monaco-dialog-box').waitFor({ state: 'hidden' });
  assert.deepEqual(fs.readdirSync(path.join(node.root, 'runs')).sort(), [first, second]);
});

test('Remove Node… deletes its folder after a second question that names it', async () => {
  await palette(page, 'Biphase: Remove Node…');
  await title('Remove which node?');
  await pick(page, node.host);
  await title('Remove node atlas?');
  await pick(page, 'Remove atlas and Delete Its Folder…');
  await dialog(`Delete ${node.root} on atlas?`);
  await screenshot(page, 'remove-node-folder');
  await page.keyboard.press('Enter');
  await message(`atlas was removed, and ${node.root} on it was deleted.`);
  assert.equal(fs.existsSync(node.root), false);
  await palette(page, 'Biphase: Remove Node…');
  await message('There is no node to remove');
  // Nobody connects again, which would make the folder anew.
  assert.equal(fs.existsSync(node.root), false);
  assert.equal(node.sshd.logins(), 1);
});
