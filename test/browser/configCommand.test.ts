import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { makePrivateHome } from '../support/privateHome.ts';
import { type SshNode, startSshNode } from '../support/sshNode.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, pick, quickPickRows, screenshot } from '../support/workbenchPage.ts';

let workbench: Workbench;
let node: SshNode;
let page: Page;
let canary: string;

before(async () => {
  const person = makePrivateHome();
  node = await startSshNode(person);
  canary = path.join(person.folder, 'canary');
  const relay = path.join(person.folder, 'relay.mjs');
  fs.writeFileSync(
    relay,
    `import fs from 'node:fs';
import net from 'node:net';
fs.writeFileSync('${canary}', '');
const socket = net.connect(Number(process.argv[3]), process.argv[2]);
process.stdin.pipe(socket).pipe(process.stdout);
`,
  );
  const config = path.join(person.home, '.ssh/config');
  fs.appendFileSync(config, `  ProxyCommand ${process.execPath} ${relay} %h %p # \${HOME} $(true)\n`);
  workbench = await startWorkbench({ person });
  page = await workbench.open();
});
after(async () => {
  await workbench?.close();
  await node?.sshd.stop();
});

async function question(title: string | RegExp): Promise<void> {
  await page.locator('.quick-input-title', { hasText: title }).waitFor();
}

test('a command of the ssh configuration is shown whole, and runs only after a yes', async () => {
  await palette(page, 'Biphase: Add Node…');
  await question('host');
  await pick(page, node.host);
  await question('name');
  await page.keyboard.press('Enter');
  await question('runs a command');
  await page.locator('.quick-input-box input[placeholder^="ProxyCommand in line 7 of "]').waitFor();
  const rows = await quickPickRows(page);
  await screenshot(page, 'config-command');
  // A row may end at a blank.
  const shown = rows.slice(2).join('').replaceAll(' ', '');
  assert.match(shown, /relay\.mjs127\.0\.0\.1\d+#\$\{HOME\}\$\u200b\(true\)/u);
  // A row of the command answers nothing.
  await pick(page, rows.at(-1)!.split(',')[0]!);
  await question('runs a command');
  await pick(page, 'No');
  await page.locator('.notification-list-item-message', { hasText: 'may not run' }).waitFor();
  assert.ok(!fs.existsSync(canary));
  assert.equal(node.sshd.logins(), 0);

  await palette(page, 'Biphase: Reconnect Node');
  await pick(page, node.host);
  await question('runs a command');
  await pick(page, 'Run it');
  await palette(page, 'Biphase: Focus on Nodes View');
  await page
    .locator('.monaco-list-row', { hasText: /atlas.*(idle|core)/ })
    .first()
    .waitFor();
  assert.ok(fs.existsSync(canary));
  assert.equal(node.sshd.logins(), 1);
});
