import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { ownIdentity, thisMachine } from '../../src/agent/processTable.ts';
import { runFiles } from '../../src/protocol/runDirectory.ts';
import { writeRunFolder } from '../support/runFolder.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import {
  answer,
  palette,
  paletteAndPick,
  patience,
  pick,
  quickPickRows,
  reloadWindow,
  screenshot,
  webviewFrame,
} from '../support/workbenchPage.ts';
import { seriousFindings } from './pages/axe.ts';

const hostile = '$(flame) <b>bold</b> [link](command:workbench.action.quit)';
const box = '.quick-input-widget .quick-input-box input';
let workbench: Workbench;
let page: Page;
let root: string;

function runFile(objective: 'clm' | 'mlm', seed: number) {
  return {
    model: { hiddenSize: 32, layers: 1, heads: 2, intermediateSize: 64 },
    data: { source: 'world', packing: { length: 32 }, tokenizer: { train: { vocabSize: 300 } } },
    batch: { samples: 4 },
    phases: [{ objective, until: 100 }],
    seed,
  };
}

before(async () => {
  workbench = await startWorkbench();
  root = path.join(workbench.person.home, '.biphase');
  for (let seed = 0; seed < 3; seed++)
    writeRunFolder(root, `20260101-clmseed${seed}`, {
      name: 'clm-100',
      state: 'finished',
      steps: [50, 100],
      file: runFile('clm', seed),
    });
  writeRunFolder(root, '20260102-mlmmlmml', { name: 'mlm-100', state: 'stopped', file: runFile('mlm', 0) });
  writeRunFolder(root, '20260103-hostiler', { name: hostile, state: 'finished' });
  writeRunFolder(root, '20260104-atworkaa', {
    name: 'at work',
    state: 'running',
    machine: { host: thisMachine.host, bootId: thisMachine.bootId },
    process: ownIdentity(thisMachine),
  });
  page = await workbench.open();
  await palette(page, 'Biphase: Focus on Runs View');
  await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
  await rows('at work').first().waitFor();
});
after(() => workbench?.close());

/** Rows of the trees whose spoken text begins so. */
function rows(beginning: string): Locator {
  return page.locator(
    `.tree-explorer-viewlet-tree-view .monaco-list-row[aria-label^=${JSON.stringify(beginning)}]`,
  );
}

async function count(beginning: string, expected: number): Promise<void> {
  const deadline = Date.now() + patience;
  while ((await rows(beginning).count()) !== expected && Date.now() < deadline) await page.waitForTimeout(50);
  assert.equal(await rows(beginning).count(), expected, beginning);
}

/** Text beside the title of the runs view. */
function description(): Locator {
  return page.locator('.pane-header', { hasText: 'Runs' }).locator('.description');
}

test('a run gets a label by the palette; an empty one gives its own name back', async () => {
  await paletteAndPick(page, 'Biphase: Label Run…', 'mlm-100');
  await answer(page, 'the baseline of masking');
  await rows('the baseline of masking, stopped').waitFor();
  await paletteAndPick(page, 'Biphase: Label Run…', 'the baseline of masking');
  await answer(page, '');
  await rows('mlm-100, stopped').waitFor();
});

test('F2 labels the row that has the focus, and Escape changes nothing', async () => {
  await rows('mlm-100').click();
  await page.keyboard.press('F2');
  await page.locator('.quick-input-title', { hasText: 'Label of mlm-100' }).waitFor();
  await page.keyboard.press('Escape');
  await rows('mlm-100, stopped').waitFor();
});

test('rows say with words what their icons and numbers say, and axe finds nothing serious in the trees', async () => {
  const said = await rows('mlm-100').getAttribute('aria-label');
  assert.match(said!, /^mlm-100, stopped, .*launched \d+ \w{3} \d\d:\d\d$/);
  const found = await seriousFindings(page, {
    include: ['.tree-explorer-viewlet-tree-view'],
    // A row's name is said first, as it is seen; what stands beside it is said in words.
    without: ['label-content-name-mismatch'],
  });
  assert.deepEqual(found, []);
});

test('words of a run are shown as they are: no icon, no markup, no link', async () => {
  const row = rows(hostile);
  await row.waitFor();
  assert.equal(await row.locator('.label-name').innerText(), hostile);
  assert.equal(await row.locator('.monaco-icon-label .codicon-flame, b').count(), 0);
  await palette(page, 'Biphase: Show Run Output');
  await page.locator('.quick-input-title', { hasText: 'Show the output of which run?' }).waitFor();
  const picks = await quickPickRows(page);
  assert.ok(
    picks.some((text) => text.startsWith('$\u200b(flame) <b>bold</b>')),
    picks.join(' | '),
  );
  assert.equal(await page.locator('.quick-input-list .codicon-flame, .quick-input-list b').count(), 0);
  await page.keyboard.press('Escape');
});

test('lines of an output are shown as they are: no markup, no link, no escape code, however long', async () => {
  const folder = path.join(root, 'runs', '20260103-hostiler');
  const lines = [
    '<b>bold</b> <img src=x onerror=alert(1)>',
    '[link](command:workbench.action.quit) command:workbench.action.quit',
    '\u001b[31mred\u001b[0m \u001b]8;;command:workbench.action.quit\u0007click\u001b]8;;\u0007',
    'https://example.org/',
    'x'.repeat(300_000),
    'the end',
  ];
  fs.writeFileSync(path.join(folder, runFiles.output), lines.join('\n'));
  await palette(page, 'Biphase: Show Run Output');
  await page.locator(box).fill('20260103-hostiler');
  await page.locator('.quick-input-list .monaco-list-row[aria-label*="20260103-hostiler"]').waitFor();
  await page.keyboard.press('Enter');
  const editor = page.locator('.editor-instance .monaco-editor');
  await editor.locator('.view-line', { hasText: 'the end' }).waitFor();
  // Links are found a moment later: that of the address shows that they were looked for.
  const links = editor.locator('.detected-link');
  await links.first().waitFor();
  assert.equal((await links.allInnerTexts()).join(''), 'https://example.org/');
  assert.equal(await editor.locator('.view-line :is(b, img, a)').count(), 0);
  const seen = (await editor.locator('.view-line').allInnerTexts()).map((line) =>
    line.replaceAll('\u00a0', ' '),
  );
  const shown = lines.map((line) => line.replaceAll('\u001b', '␛').replaceAll('\u0007', '␇'));
  for (const line of shown)
    assert.ok(
      seen.some((text) => text === line || (line.length > 10_000 && text.startsWith(line.slice(0, 10_000)))),
      line.slice(0, 100),
    );
  assert.ok((await page.locator('.tab.active').innerText()).startsWith('$(flame) <b>bold'));
  assert.equal(await page.locator('.tab.active').locator('b, .codicon-flame').count(), 0);
  await screenshot(page, 'run-output');
  await palette(page, 'View: Close All Editors');
});

test('the tooltip says what differs from the run before it', async () => {
  await rows('clm-100, finished').first().hover();
  const hover = page.locator('.monaco-hover', { hasText: 'Differs from clm-100 before it' });
  await hover.waitFor();
  assert.match(await hover.innerText(), /seed:\s1\s→\s2/);
  await page.mouse.move(700, 400);
  await hover.waitFor({ state: 'hidden' });
});

test('several runs get tags at once, a new one among them, and the tree is grouped by them', async () => {
  await palette(page, 'Biphase: Tag Runs…');
  await page.locator(box).fill('clm-100');
  await page.locator('.quick-input-header [role=checkbox]').first().click();
  await page.keyboard.press('Enter');
  await page.locator('.quick-input-title', { hasText: 'Tags of 3 runs' }).waitFor();
  for (const tag of [hostile, 'paper']) {
    await page.locator(box).fill(tag);
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'new tag' }).first().waitFor();
    await page.keyboard.press('Enter');
    // The box is emptied when the tag is ticked: what is typed before that would go too.
    while ((await page.locator(box).inputValue()) !== '') await page.waitForTimeout(20);
  }
  assert.equal(await page.locator('.quick-input-list .codicon-flame').count(), 0);
  await page.keyboard.press('Enter');
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'Tag');
  await rows('paper, 3 runs').waitFor();
  await rows(`${hostile}, 3 runs`).waitFor();
  await rows('No tag, 3 runs').waitFor();
  await description().filter({ hasText: 'by tag' }).waitFor();
  await count('clm-100, finished', 6);
  await screenshot(page, 'runs-by-tag');
});

test('a run that is dragged onto a tag gets it', async () => {
  await rows('mlm-100').dragTo(rows('paper, 3 runs'));
  await rows('paper, 4 runs').waitFor();
  await rows('No tag, 2 runs').waitFor();
});

test('repeats with other seeds are one group, with n', async () => {
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'Setup');
  await rows('clm-100, n = 3 seeds, 3 finished').waitFor();
  await count('clm-100, finished', 0);
  await rows('clm-100, n = 3 seeds').click();
  await count('clm-100, finished', 3);
});

test('runs are put in a group, by the palette and by the menu of a selection', async () => {
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'Group');
  await rows('No group, 6 runs').waitFor();
  await rows('mlm-100').click();
  await rows('at work').click({ modifiers: ['Control'] });
  await rows('at work').click({ button: 'right' });
  const put = page.getByRole('menuitem', { name: 'Put Runs in Group…' });
  // A menu takes no click in the moment in which it opens.
  await put.hover();
  await put.click();
  await pick(page, 'New group…');
  await answer(page, 'masking');
  await rows('masking, 2 runs').waitFor();
  await rows('No group, 4 runs').waitFor();
});

test('a filter follows what is typed, says what it hides, and is cleared by one action', async () => {
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'No groups');
  await palette(page, 'Biphase: Filter Runs…');
  await page.locator(box).fill('stat:finished');
  await page.locator('.quick-input-message', { hasText: 'Did you mean "state:"' }).waitFor();
  await page.locator(box).fill('state:finished tag:paper');
  await count('clm-100, finished', 3);
  await count('mlm-100', 0);
  await page.keyboard.press('Enter');
  await description().filter({ hasText: 'state:finished tag:paper · 3 of 6' }).waitFor();
  await reloadWindow(page);
  await palette(page, 'Biphase: Focus on Runs View');
  await description().filter({ hasText: '3 of 6' }).waitFor();
  await palette(page, 'Biphase: Filter Runs…');
  await page.locator(box).fill('nothing is called so');
  await page.locator('.welcome-view', { hasText: 'No run matches' }).waitFor();
  await page.keyboard.press('Escape');
  await description().filter({ hasText: '3 of 6' }).waitFor();
  await page.locator('.pane-header', { hasText: 'Runs' }).hover();
  await page.locator('.pane-header .action-label[aria-label^="Clear Run Filter"]').click();
  await rows('mlm-100').waitFor();
});

test('archived runs are hidden until they are asked for, and come back', async () => {
  await palette(page, 'Biphase: Archive Runs…');
  await tickAndAccept('mlm-100');
  await count('mlm-100', 0);
  await palette(page, 'Biphase: Show Archived Runs');
  await rows('mlm-100').waitFor();
  await palette(page, 'Biphase: Unarchive Runs…');
  await tickAndAccept('mlm-100');
  await palette(page, 'Biphase: Hide Archived Runs');
  await rows('mlm-100').waitFor();
});

test('a run at work is not deleted; others are, with their files only where that is ticked', async () => {
  await rows('at work').click();
  await rows('mlm-100').click({ modifiers: ['Control'] });
  for (const name of ['at work', 'mlm-100'])
    await rows(name).and(page.locator('[aria-selected="true"]')).waitFor();
  await page.keyboard.press('Delete');
  await page
    .locator('.notification-list-item-message', { hasText: 'at work is starting, so nothing was deleted' })
    .first()
    .waitFor();
  await palette(page, 'Notifications: Clear All Notifications');

  await palette(page, 'Biphase: Delete Runs…');
  await tickAndAccept('mlm-100');
  await page.locator('.quick-input-title', { hasText: 'Delete the files on nodes too?' }).waitFor();
  await page.keyboard.press('Enter');
  const dialog = page.locator('.monaco-dialog-box');
  await dialog.filter({ hasText: 'Delete mlm-100?' }).waitFor();
  assert.match(await dialog.innerText(), /Files on this computer stay/);
  await screenshot(page, 'delete-run');
  await dialog.locator('.monaco-button', { hasText: 'Delete' }).click();
  await count('mlm-100', 0);
  assert.ok(fs.existsSync(path.join(root, 'runs', '20260102-mlmmlmml')));

  await palette(page, 'Biphase: Delete Runs…');
  await tickAndAccept('$\u200b(flame)', '20260103-hostiler');
  await page.locator('.quick-input-title', { hasText: 'Delete the files on nodes too?' }).waitFor();
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'this computer' }).click();
  await page.keyboard.press('Enter');
  await dialog.filter({ hasText: 'That cannot be undone' }).waitFor();
  assert.equal(await dialog.locator('.dialog-message-container a, b, .codicon-flame').count(), 0);
  await dialog.locator('.monaco-button', { hasText: 'Delete' }).click();
  await count(hostile, 0);
  assert.equal(fs.existsSync(path.join(root, 'runs', '20260103-hostiler')), false);
});

test('a deletion without files can be undone from its message', async () => {
  await palette(page, 'Notifications: Show Notifications');
  await page
    .locator('.notification-list-item', { hasText: 'Its files stay' })
    .first()
    .locator('.monaco-button', { hasText: 'Undo' })
    .click();
  await rows('mlm-100').waitFor();
});

test('the walkthrough ticks what happened since it was opened, and nothing else', async () => {
  const openWalkthrough = () => paletteAndPick(page, 'Welcome: Open Walkthrough...', 'Launch your first run');
  const step = (title: string): Locator =>
    page.locator('.getting-started-step', { hasText: title }).locator('.codicon').first();
  const ticked = page.locator('.complete');
  await openWalkthrough();
  await step('Watch the curves').waitFor();
  assert.equal(await step('Watch the curves').and(ticked).count(), 0);
  // A walkthrough that is still loading takes the focus from the palette: then the command is pressed again.
  const curves = page.locator('.tab', { hasText: 'Curves' });
  for (let left = 5; left > 0 && (await curves.count()) === 0; left--) {
    await palette(page, 'Biphase: Show Curves');
    await curves.waitFor({ timeout: 5000 }).catch(() => {});
  }
  await curves.waitFor();
  await openWalkthrough();
  await step('Watch the curves').and(ticked).waitFor();
  assert.equal(await step('Add a node').and(ticked).count(), 0);
  assert.equal(await step('Compare two runs').and(ticked).count(), 0);
  // A page that takes the focus closes a question.
  await palette(page, 'View: Close All Editors');
  await palette(page, 'Biphase: Compare Runs…');
  await page.locator('.quick-input-header [role=checkbox]').first().click();
  await page.keyboard.press('Enter');
  await page.locator('.tab', { hasText: 'Compare' }).waitFor();
  // A comparison that is covered before it is drawn was not seen.
  await webviewFrame(page, '.comparison .column-head');
  await openWalkthrough();
  await step('Compare two runs').and(ticked).waitFor();
  await screenshot(page, 'walkthrough');
});

/** Ticks the one row of the open pick that is found by `filter`, and takes it. */
async function tickAndAccept(label: string, filter = label): Promise<void> {
  await quickPickRows(page);
  await page.locator(box).fill(filter);
  const found = page.locator('.quick-input-list .monaco-list-row', { hasText: label });
  await found.first().waitFor();
  await found.first().click();
  await page.keyboard.press('Enter');
}
