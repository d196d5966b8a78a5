import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { holdersOf } from '../support/holdersOf.ts';
import { makePrivateHome, processesOf } from '../support/privateHome.ts';
import { type SshNode, startSshNode } from '../support/sshNode.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import {
  answer,
  notifications,
  palette,
  paletteAndPick,
  patience,
  pick,
  quickPickRows,
  reload,
  screenshot,
  webviewFrame,
} from '../support/workbenchPage.ts';

const passphrase = 'canary-7b1f-passphrase';
const name = 'micro-clm-600';
/** Goes on until it is stopped, however fast the machine is. */
const longFile = `model: micro
data: {source: world}
batch: {samples: 4}
phases: [{objective: clm, until: 1000000}]
checkpoints: {every: 1000000}
validate: {every: 1000000}
engine: {threads: 1}
`;
let workbench: Workbench;
let node: SshNode;
let page: Page;

before(async () => {
  const person = makePrivateHome();
  node = await startSshNode(person, { passphrase, known: false });
  workbench = await startWorkbench({ person });
  fs.writeFileSync(path.join(workbench.folder, 'long.run.yaml'), longFile);
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
  await question('is not known');
  await pick(page, 'Accept');
  await question(/passphrase/i);
  await answer(page, passphrase);
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
  const curves = await webviewFrame(page, '.panel');
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

/** Goes through the wizard's pages before the data. */
async function wizardToData(): Promise<void> {
  await palette(page, 'Biphase: Launch Run…');
  for (const [index, label] of ['CLM', 'micro'].entries()) {
    await question(`(${index + 1}/4)`);
    await pick(page, label);
  }
  await question('(3/4)');
}

/** Waits until the folder browser shows this folder of the node. */
async function shows(folder: string): Promise<void> {
  const place = `${node.host}: ${folder}`;
  await page.locator(`.quick-input-box input[placeholder="${place}"]`).waitFor();
}

/** The check page names these data, and finds them on the node. */
async function checkReads(source: string): Promise<void> {
  const check = await webviewFrame(page, 'text=What it reads');
  const text = await check.locator('body').evaluate((body) => body.textContent ?? '');
  assert.ok(text.includes(source), text);
  assert.ok(!text.includes('has no'), text);
}

test('data are found by browsing the folders of a node that is not connected yet, and its name stays exact', async () => {
  const home = path.dirname(node.root);
  const texts = path.join(home, 'corpora ', 'texts');
  fs.mkdirSync(texts, { recursive: true });
  fs.writeFileSync(path.join(texts, 'a.jsonl'), '{"text": "one"}\n');
  fs.writeFileSync(path.join(texts, 'settings.json'), '{}');
  const logins = node.sshd.logins();
  await palette(page, 'Biphase: Focus on Nodes View');
  const [control] = processesOf(workbench.person).filter(({ command }) => command.includes('control.mjs'));
  process.kill(control!.pid, 'SIGKILL');
  await page.locator('.monaco-list-row', { hasText: 'not connected' }).first().waitFor();
  await wizardToData();
  await pick(page, 'Browse folders of a node…');
  await page.locator('.quick-input-box input[placeholder="Folders of which node?"]').waitFor();
  await pick(page, node.host);
  await shows(home);
  assert.equal(node.sshd.logins(), logins + 1);
  await pick(page, 'corpora');
  await shows(`${home}/corpora `);
  await pick(page, 'texts');
  await shows(texts);
  const rows = await quickPickRows(page);
  await screenshot(page, 'browse-folders');
  assert.deepEqual(
    rows.map((row) =>
      row
        .replace(/^\$\([^)]*\)\s*/, '')
        .split(',')[0]!
        .trim(),
    ),
    ['Use this folder', '..', 'a.jsonl'],
    rows.join(' | '),
  );
  await pick(page, '..');
  await shows(`${home}/corpora `);
  // The folder that was left is the one that is chosen.
  await page.locator('.quick-input-list .monaco-list-row.focused', { hasText: 'texts' }).waitFor();
  await page.keyboard.press('Enter');
  await shows(texts);
  await pick(page, 'Use this folder');
  await question('(4/4)');
  await page.locator('.quick-input-list .monaco-list-row.focused', { hasText: node.host }).waitFor();
  await page.keyboard.press('Enter');
  await checkReads(texts);
  await palette(page, 'View: Close All Editors');
});

test('Back leads out of a folder to the nodes; a folder that cannot be read offers another try', async () => {
  const home = path.dirname(node.root);
  const folder = path.join(home, 'goes away');
  fs.mkdirSync(folder);
  await wizardToData();
  await pick(page, 'Browse folders of a node…');
  await page.locator('.quick-input-box input[placeholder="Folders of which node?"]').waitFor();
  await pick(page, node.host);
  await shows(home);
  fs.rmdirSync(folder);
  await pick(page, 'goes away');
  await shows(folder);
  assert.match((await quickPickRows(page)).join(' | '), /Try again.*There is no folder .*goes away/);
  fs.mkdirSync(folder);
  await pick(page, 'Try again');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Use this folder' }).waitFor();
  await page.keyboard.press('Control+Alt+Minus');
  await page.locator('.quick-input-box input[placeholder="Folders of which node?"]').waitFor();
  await page.keyboard.press('Control+Alt+Minus');
  await question('(3/4)');
  await pick(page, 'Path on the node…');
  await answer(page, `${home}/corpora `);
  await question('(4/4)');
  await pick(page, node.host);
  await checkReads(`${home}/corpora `);
  await palette(page, 'View: Close All Editors');
});

/** Waits until `look` is true. */
async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 4 * patience; Date.now() < end; await page.waitForTimeout(50))
    if (await look()) return;
  const log = path.join(workbench.person.home, '.local/state/biphase/control.log');
  assert.fail(`not in time: ${what}; control says:\n${fs.readFileSync(log, 'utf8')}`);
}

/** The newest run's directory on the node. */
function newestRun(): string {
  const runs = path.join(node.root, 'runs');
  const at = (run: string): number => fs.statSync(path.join(runs, run, 'spec.json')).birthtimeMs;
  return path.join(runs, fs.readdirSync(runs).sort((a, b) => at(b) - at(a))[0]!);
}

/** Losses in the run's own file. */
function lossesWritten(run: string): number {
  return fs
    .readFileSync(path.join(run, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => Object.keys((JSON.parse(line) as { metrics: object }).metrics))
    .filter((metric) => metric === 'loss').length;
}

/** "8,412 of 8,412 points" under the loss of the run on show. */
async function pointsShown(window: Page): Promise<[number, number] | undefined> {
  const curves = await webviewFrame(window, '.panel');
  const text = await curves.locator('#page').innerText();
  const counts = /([\d,]+) of ([\d,]+) points/.exec(text)?.slice(1);
  return counts?.map((count) => Number(count.replaceAll(',', ''))) as [number, number] | undefined;
}

test('connection, extension host and control killed: the run goes on, two windows share one login, no point is lost', async () => {
  const logins = node.sshd.logins();
  await palette(page, 'Biphase: Launch from File');
  await pick(page, 'long.run.yaml');
  await question('which node');
  await pick(page, node.host);
  await page.locator('.statusbar-item', { hasText: /1 running · \d/ }).waitFor();
  const run = newestRun();
  const goesOn = (): void =>
    assert.ok(!fs.existsSync(path.join(run, 'exit.json')), 'the run ended too early');
  const second = await workbench.open();
  await second.locator('.statusbar-item', { hasText: /1 running · \d/ }).waitFor();
  assert.equal(node.sshd.logins(), logins, 'the second window logged in again');

  goesOn();
  node.sshd.killSessions();
  await until('a new login', () => node.sshd.logins() === logins + 1);

  goesOn();
  const control = processesOf(workbench.person).filter(({ command }) => command.includes('control.mjs'));
  assert.equal(control.length, 1);
  process.kill(control[0]!.pid, 'SIGKILL');
  // The passphrase is in SecretStorage: nobody is asked.
  await until('a login of the new control', () => node.sshd.logins() === logins + 2);

  goesOn();
  assert.equal(workbench.killExtensionHosts(), 2);
  await second.close();
  await reload(page);
  await page.locator('.statusbar-item', { hasText: /1 running · \d/ }).waitFor();
  assert.equal(node.sshd.logins(), logins + 2);
  goesOn();

  await workbench.restart();
  page = await workbench.open();
  goesOn();
  await paletteAndPick(page, 'Biphase: Stop Run', 'micro-clm-1000k');
  await until('the end of the run', () => fs.existsSync(path.join(run, 'exit.json')));
  const written = lossesWritten(run);
  // A window that was cut off may come back with an older layout: a new panel shows the newest run.
  await palette(page, 'View: Close All Editors');
  await palette(page, 'Biphase: Show Curves');
  let shown: [number, number] | undefined;
  await until(`all ${written} points`, async () => {
    shown = await pointsShown(page);
    return shown?.[1] === written;
  }).catch((error: Error) => assert.fail(`${shown} points are shown; ${error.message}`));
  await screenshot(page, 'curves-after-kills');
});

test('the passphrase is in no file, no command line and no environment', () => {
  const { person } = workbench;
  const logs = path.join(person.folder, 'editor/user');
  assert.ok(fs.existsSync(logs));
  assert.deepEqual(holdersOf(passphrase, [person.home, path.dirname(node.root), logs]), []);
});
