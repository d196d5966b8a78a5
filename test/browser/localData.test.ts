import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { answerFileDialog } from '../support/fileDialog.ts';
import { makePrivateHome } from '../support/privateHome.ts';
import { type ProxiedNode, startProxiedNode } from '../support/proxiedNode.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, patience, pick, screenshot } from '../support/workbenchPage.ts';

const runFile = `name: on-local-data
model: {hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32}
data:
  source: local:corpus
  tokenizer: {train: {vocabSize: 300}}
  packing: {length: 32}
  validation: {tokens: 256}
batch: {samples: 2}
phases: [{objective: clm, until: 4}]
checkpoints: {every: 2}
engine: {name: wasm, threads: 1}
`;
let workbench: Workbench;
let node: ProxiedNode;
let page: Page;

before(async () => {
  const person = makePrivateHome();
  node = await startProxiedNode(person);
  workbench = await startWorkbench({ person });
  fs.writeFileSync(path.join(workbench.folder, 'data.run.yaml'), runFile);
  fs.mkdirSync(path.join(workbench.folder, 'corpus'));
  const line = `${JSON.stringify({ text: 'The cat sat on the mat. '.repeat(40) })}\n`;
  fs.writeFileSync(path.join(workbench.folder, 'corpus/text.jsonl'), line.repeat(16_000));
  page = await workbench.open();
});
after(async () => {
  await workbench?.close();
  await node?.proxy.close();
  await node?.sshd.stop();
});

const message = (text: string | RegExp) =>
  page.locator('.notification-list-item-message', { hasText: text }).first();

async function launch(): Promise<void> {
  await palette(page, 'Biphase: Launch from File');
  await pick(page, 'data.run.yaml');
  await page.locator('.quick-input-title', { hasText: 'which node' }).waitFor();
  await pick(page, node.host);
}

const runs = (): string[] => fs.readdirSync(path.join(node.root, 'runs'));

test('a corpus beside the run file is copied to the node: told, cancelled, and brought to its end', async () => {
  await palette(page, 'Biphase: Add Node…');
  await pick(page, node.host);
  await page.locator('.quick-input-title', { hasText: 'name' }).waitFor();
  await page.keyboard.press('Enter');
  await message(`${node.host} works`).waitFor();

  node.proxy.limit(2 << 20);
  await launch();
  await message(/Launching on atlas: copying the corpus to atlas: \d+ % of 1\d(\.\d)? MiB/).waitFor();
  await screenshot(page, 'copying-a-corpus');
  const item = page.locator('.notification-list-item', { hasText: 'Launching on atlas' }).first();
  await item.locator('.monaco-button', { hasText: 'Cancel' }).focus();
  await page.keyboard.press('Enter');
  await item.waitFor({ state: 'detached' });
  assert.deepEqual(runs(), []);

  node.proxy.limit(0);
  await launch();
  const end = Date.now() + 2 * patience;
  const exit = (): boolean =>
    runs().some((run) => fs.existsSync(path.join(node.root, 'runs', run, 'exit.json')));
  while (!exit() && Date.now() < end) await page.waitForTimeout(50);
  assert.ok(exit(), 'the run came to its end');
  assert.equal(runs().length, 1);
});

test('a checkpoint is downloaded to a folder of this computer', async () => {
  const folder = path.join(workbench.person.home, 'downloads');
  fs.mkdirSync(path.join(folder, 'earlier'), { recursive: true });
  await palette(page, 'Biphase: Download Checkpoint…');
  await pick(page, 'on-local-data');
  await page.locator('.quick-input-title', { hasText: 'Where to?' }).waitFor();
  await pick(page, 'Folder…');
  await page.locator('.quick-input-title', { hasText: 'Folder for the checkpoint' }).waitFor();
  await answerFileDialog(page, `${folder}/`, 'earlier', 'Download');
  await message(`is in ${folder}/${runs()[0]}@4`).waitFor();
  assert.ok(fs.existsSync(path.join(folder, `${runs()[0]}@4`, 'DONE')));
});
