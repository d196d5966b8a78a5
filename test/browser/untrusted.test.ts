import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { notifications, palette, patience, webviewFrame } from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;

before(async () => {
  workbench = await startWorkbench({
    trust: true,
    settings: {
      'security.workspace.trust.startupPrompt': 'never',
      'security.workspace.trust.banner': 'never',
    },
  });
  const file = path.join(workbench.folder, 'a.run.yaml');
  fs.writeFileSync(file, 'model: micro\ndata: {source: world}\nphases: [{objective: clm, until: 10}]\n');
  page = await workbench.open();
});
after(() => workbench?.close());

const guarded = [
  'Launch Run…',
  'Launch from File',
  'Stop Run',
  'Resume Run',
  'Add Node…',
  'Test Node',
  'Reconnect Node',
  'Remove Node…',
];

for (const title of guarded)
  test(`${title} starts nothing in an untrusted workspace and says so`, async () => {
    await palette(page, `Biphase: ${title}`);
    await page.locator('.notification-list-item-message', { hasText: 'not trusted' }).first().waitFor();
    await page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    await palette(page, 'Notifications: Clear All Notifications');
    const deadline = Date.now() + patience;
    while ((await notifications(page)).length > 0 && Date.now() < deadline) await page.waitForTimeout(50);
  });

test('looking works in an untrusted workspace', async () => {
  await palette(page, 'Biphase: Show Curves');
  await webviewFrame(page, 'canvas, #page *');
  await palette(page, 'Biphase: Focus on Nodes View');
  await page.locator('.monaco-list-row', { hasText: 'this computer' }).first().waitFor();
  const runs = path.join(workbench.person.home, '.biphase', 'runs');
  assert.ok(!fs.existsSync(runs) || fs.readdirSync(runs).length === 0);
});
