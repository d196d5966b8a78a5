import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type ControlClient, connectControl } from '../../src/control/client/controlClient.ts';
import { processesOf } from '../support/privateHome.ts';
import { writeCurves } from '../support/recordedCurves.ts';
import { until } from '../support/until.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import {
  answer,
  notifications,
  palette,
  paletteAndPick,
  patience,
  pick,
  untilNotified,
  webviewFrame,
} from '../support/workbenchPage.ts';

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
  'Edit Node…',
  'Test Node',
  'Reconnect Node',
  'Remove Node…',
  'Pause Queue',
  'Drain Node',
  'Release Queue',
  'Set Priority…',
  'Free Space…',
  'Download Checkpoint…',
  'Export Run…',
  'Import Runs…',
  'Label Run…',
  'Tag Runs…',
  'Put Runs in Group…',
  'Archive Runs…',
  'Unarchive Runs…',
  'Delete Runs…',
];

for (const title of guarded)
  test(`${title} starts nothing in an untrusted workspace and says so`, async () => {
    await palette(page, `Biphase: ${title}`);
    await page.locator('.notification-list-item-message', { hasText: 'not trusted' }).first().waitFor();
    await page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
    await clearNotifications();
  });

async function clearNotifications(): Promise<void> {
  await palette(page, 'Notifications: Clear All Notifications');
  await until('clearing the notifications', async () => (await notifications(page)).length === 0);
}

const looking = [
  ...['Compare Runs…', 'Pin as Baseline', 'Unpin Baseline'],
  ...['Show Curves', 'Open Curves in New Panel', 'Show Run Output', 'New Run File'],
  ...['Refresh', 'Show Log', 'Copy Diagnostics'],
  ...['Filter Runs…', 'Clear Run Filter', 'Group Runs By…', 'Sort Runs By…'],
  ...['Show Archived Runs', 'Hide Archived Runs'],
];

test('every command is tried in an untrusted workspace', () => {
  const manifest = JSON.parse(
    fs.readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { contributes: { commands: { title: string }[] } };
  const titles = manifest.contributes.commands.map(({ title }) => title);
  assert.deepEqual([...guarded, ...looking].sort(), titles.sort());
});

test('looking works in an untrusted workspace, and nothing was started', async () => {
  await palette(page, 'Biphase: Show Curves');
  await webviewFrame(page, 'canvas, #page *');
  await palette(page, 'Biphase: Open Curves in New Panel');
  await page.locator('.tab', { hasText: 'Curves' }).nth(1).waitFor();
  await palette(page, 'Biphase: Focus on Nodes View');
  await page.locator('.monaco-list-row', { hasText: 'this computer' }).first().waitFor();
  for (const title of ['Show Run Output', 'Compare Runs…', 'Pin as Baseline']) {
    await palette(page, `Biphase: ${title}`);
    await untilNotified(page, 'There is no run yet');
    await clearNotifications();
  }
  await palette(page, 'Biphase: Filter Runs…');
  await answer(page, 'state:failed');
  await palette(page, 'Biphase: Clear Run Filter');
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'Setup');
  await paletteAndPick(page, 'Biphase: Sort Runs By…', 'Name');
  await palette(page, 'Biphase: Show Archived Runs');
  await palette(page, 'Biphase: Hide Archived Runs');
  await palette(page, 'Biphase: Refresh');
  await palette(page, 'Biphase: Copy Diagnostics');
  await page.locator('.notification-list-item-message', { hasText: 'clipboard' }).first().waitFor();
  await palette(page, 'Biphase: New Run File');
  await page.locator('.view-line', { hasText: 'phases:' }).first().waitFor();
  await palette(page, 'Biphase: Show Log');
  await page.locator('.part.panel').waitFor();
  const runs = path.join(workbench.person.home, '.biphase', 'runs');
  assert.ok(!fs.existsSync(runs) || fs.readdirSync(runs).length === 0);
  assert.deepEqual(startedPrograms(), []);
});

function startedPrograms(): string[] {
  return processesOf(workbench.person)
    .map(({ command }) => command)
    .filter((command) => / agent | pretrain | wrapper /.test(command));
}

/** The window has started control. */
function connect(): Promise<ControlClient> {
  return connectControl({
    stateFolder: path.join(workbench.person.home, '.local/state/biphase'),
    controlFile: '/nowhere/control.mjs',
    execPath: process.execPath,
    client: 'window',
    trusted: () => false,
    version: '0.1.0',
  });
}

test('runs are compared and one is the baseline in an untrusted workspace: that only looks', async (t) => {
  const client = await connect();
  t.after(() => client.dispose());
  const folders = ['hot', 'cold'].map((name) => {
    const folder = path.join(workbench.person.home, name);
    writeCurves(folder, name, [{ segment: 0, step: 1, metrics: { loss: 1 } }]);
    return folder;
  });
  await client.call('importRuns', { transfer: 'recorded', paths: folders, steps: {} });
  const baseline = async (): Promise<string | undefined> =>
    (await client.call('runs', {})).runs.find((run) => run.baseline)?.name;
  await palette(page, 'View: Close All Editors');
  await palette(page, 'Biphase: Compare Runs…');
  await page.locator('.quick-input-title', { hasText: 'Which runs to compare?' }).waitFor();
  await page.locator('.quick-input-header [role=checkbox]').first().click();
  await page.keyboard.press('Enter');
  const frame = await webviewFrame(page, '.comparison .column-head');
  await paletteAndPick(page, 'Biphase: Pin as Baseline', 'hot');
  await frame.locator('.column-head.fixed', { hasText: 'hot' }).waitFor();
  await until('pinning', async () => (await baseline()) === 'hot');
  await palette(page, 'Biphase: Unpin Baseline');
  await frame.locator('.column-head.fixed').waitFor({ state: 'detached' });
  await until('unpinning', async () => (await baseline()) === undefined);
  await page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  assert.deepEqual(startedPrograms(), []);
});

test('an untrusted window is asked nothing about commands of the ssh configuration, a trusted one is', async (t) => {
  const { home } = workbench.person;
  const canary = path.join(workbench.person.folder, 'canary');
  fs.mkdirSync(path.join(home, '.ssh'), { recursive: true });
  fs.writeFileSync(path.join(home, '.ssh/config'), `Match host box exec "touch ${canary}"\n`);
  const client = await connect();
  t.after(() => client.dispose());
  await client.call('addNode', { config: { name: 'box', kind: 'ssh', host: 'box' } });
  const { findings } = await client.call('testNode', { name: 'box' });
  assert.match(findings[0]!, /Nobody is there to answer/);
  assert.ok(await page.locator('.quick-input-widget').isHidden());

  await palette(page, 'Workspaces: Manage Workspace Trust');
  await page
    .locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ })
    .first()
    .click();
  await page.locator('.workspace-trust-editor', { hasText: /trusted/i }).waitFor();
  const question = page.locator('.quick-input-title', { hasText: 'runs a command to reach box' });
  let answer = '';
  const deadline = Date.now() + patience;
  do {
    const tested = client.call('testNode', { name: 'box' });
    const first = await Promise.race([tested, question.waitFor().then(() => 'asked' as const)]);
    if (first === 'asked') await pick(page, 'No');
    answer = (await tested).findings[0]!;
    // The window tells that it is trusted a moment later.
  } while (/Nobody is there/.test(answer) && Date.now() < deadline);
  assert.match(answer, /may not run/);
  assert.ok(!fs.existsSync(canary));
});

test('settings of a node that are open when trust is taken away are not saved, in one sentence', async () => {
  await paletteAndPick(page, 'Biphase: Edit Node…', 'box');
  await page.locator('.tab.active', { hasText: 'box.biphase-node.json' }).waitFor();
  const file = path.join(workbench.person.home, '.local/state/biphase/nodes.json');
  const before = fs.readFileSync(file, 'utf8');
  await palette(page, 'Workspaces: Manage Workspace Trust');
  const trusted = page.locator('.workspace-trust-editor .trusted-uris-table .monaco-list-row');
  await trusted.first().hover();
  await trusted.first().locator('.action-label[aria-label^="Delete"]').click();
  // The window is loaded again, and shows the same editor.
  await page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
  await page.locator('.view-line', { hasText: '"host": "box"' }).first().waitFor();
  await page.locator('.editor-instance .monaco-editor').first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('{"host": "elsewhere"}');
  await page.keyboard.press('Control+S');
  await page
    .locator('.notification-list-item-message', { hasText: /not trusted.*Trust the workspace first\./ })
    .first()
    .waitFor();
  assert.equal(fs.readFileSync(file, 'utf8'), before);
});
