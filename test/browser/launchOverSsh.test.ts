import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { makePrivateHome } from '../support/privateHome.ts';
import { type SshNode, startSshNode } from '../support/sshNode.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { answer, notifications, palette, pick, screenshot, webviewFrame } from '../support/workbenchPage.ts';

const passphrase = 'canary-7b1f-passphrase';
const name = 'micro-clm-600';
let workbench: Workbench;
let node: SshNode;
let page: Page;

before(async () => {
  const person = makePrivateHome();
  node = await startSshNode(person, { passphrase, known: false });
  workbench = await startWorkbench({ person });
  page = await workbench.open();
});
after(async () => {
  await workbench?.close();
  await node?.sshd.stop();
});

/** Waits until the open question has this title. */
async function question(title: string | RegExp): Promise<void> {
  await page.locator('.quick-input-title', { hasText: title }).waitFor();
}

test('Add Node… asks for host key and passphrase once, and the node works', async () => {
  await palette(page, 'Biphase: Add Node…');
  await question('host');
  await pick(page, node.host);
  await question('name');
  await page.keyboard.press('Enter');
  await question(/passphrase/i);
  await answer(page, passphrase);
  await question('is not known');
  await pick(page, 'Accept');
  await page.locator('.notification-list-item-message', { hasText: `${node.host} works` }).waitFor();
  const known = fs.readFileSync(path.join(workbench.person.home, '.ssh/known_hosts'), 'utf8');
  // The name may be hashed, as the system's configuration says; the key may not.
  const [type, key] = fs.readFileSync(node.sshd.hostKeys[0]!, 'utf8').split(' ');
  assert.deepEqual(known.trim().split(' ').slice(1), [type, key]);
  assert.equal(node.sshd.logins(), 1, (await notifications(page)).join('\n'));
});

test('a run launched from the palette trains on that node, and its curve is live here', async () => {
  await palette(page, 'Biphase: Launch Run…');
  for (const [index, label] of ['CLM', 'micro', 'Built-in world', node.host].entries()) {
    await question(`(${index + 1}/4)`);
    await pick(page, label);
  }
  const check = await webviewFrame(page, 'text=Does it fit');
  await check.locator('vscode-button', { hasText: 'Start' }).focus();
  await page.keyboard.press('Enter');
  const curves = await webviewFrame(page, 'canvas');
  await curves.locator(`text=${name}`).first().waitFor();
  await page.locator('.statusbar-item', { hasText: /1 running · \d/ }).waitFor();
  await screenshot(page, 'curves-over-ssh');
  const runs = fs.readdirSync(path.join(node.root, 'runs'));
  assert.equal(runs.length, 1);
  assert.ok(fs.statSync(path.join(node.root, 'runs', runs[0]!, 'metrics.jsonl')).size > 0);
  assert.ok(!fs.existsSync(path.join(workbench.person.home, '.biphase/runs', runs[0]!)));
  assert.equal(node.sshd.logins(), 1);
  await palette(page, 'Biphase: Stop Run');
  await pick(page, name);
  await page.locator('.statusbar-item', { hasText: /running/ }).waitFor({ state: 'detached' });
});
