import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { makePrivateHome } from '../support/privateHome.ts';
import { ShimNvidiaSmi } from '../support/shimNvidiaSmi.ts';
import { type SshNode, startSshNode } from '../support/sshNode.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, pick, screenshot, untilAnswered } from '../support/workbenchPage.ts';

const smi = new ShimNvidiaSmi([
  { index: 0, uuid: 'GPU-a' },
  { index: 1, uuid: 'GPU-b', usedMiB: 9000 },
]);
let node: SshNode;
let workbench: Workbench;
let page: Page;

before(async () => {
  const person = makePrivateHome();
  node = await startSshNode(person, { programs: smi.folder });
  workbench = await startWorkbench({ person });
  page = await workbench.open();
});
after(async () => {
  await workbench?.close();
  await node?.sshd.stop();
  smi.dispose();
});

/** A row of the Nodes tree, by the words that a screen reader gets. */
function row(label: string) {
  return page.locator(`.monaco-list-row[aria-label="${label}"]`);
}

test('the Nodes tree shows the GPUs of a connected node, and sees when they change hands', async () => {
  await palette(page, 'Biphase: Add Node…');
  await page.locator('.quick-input-title', { hasText: 'host' }).waitFor();
  await pick(page, node.host);
  const question = page.locator('.quick-input-title', { hasText: 'name' });
  await question.waitFor();
  // A box that is still being filled does not take the key.
  await untilAnswered(page, question);
  await palette(page, 'Biphase: Focus on Nodes View');
  await row('GPU 0, free').waitFor();
  await row('GPU 1, 0 % · 8.8 GiB · in use').waitFor();
  await screenshot(page, 'nodes-gpus');
  smi.show([
    { index: 0, uuid: 'GPU-a', usedMiB: 2048, processes: [{ pid: 2 ** 22 + 1, memoryMiB: 2000 }] },
    { index: 1, uuid: 'GPU-b' },
  ]);
  await row('GPU 0, 0 % · 2 GiB · someone else').waitFor();
  await row('GPU 1, free').waitFor();
});
