import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame, Locator, Page } from 'playwright-core';
import { ownIdentity, thisMachine } from '../../src/agent/processTable.ts';
import { type ControlClient, connectControl } from '../../src/control/client/controlClient.ts';
import { newRunId } from '../../src/core/newRunId.ts';
import { addCurves, type CurveLine, untilStored } from '../support/recordedCurves.ts';
import { writeRunFolder } from '../support/runFolder.ts';
import { until } from '../support/until.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import {
  palette,
  paletteAndPick,
  patience,
  reloadWindow,
  screenshot,
  webviewFrame,
} from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;
let client: ControlClient;
/** Two seeds of one setup, and a run with another learning rate. */
const runs = [
  { name: 'cold', seed: 0, peak: 1e-3 },
  { name: 'cold', seed: 1, peak: 1e-3 },
  { name: 'hot', seed: 0, peak: 5e-3 },
].map((each) => ({ ...each, run: newRunId() }));

before(async () => {
  workbench = await startWorkbench();
  page = await workbench.open();
  // The window starts control.
  await palette(page, 'Biphase: Focus on Runs View');
  await page
    .locator('.monaco-list-row, .welcome-view-content', { hasText: /this computer|No runs yet/ })
    .first()
    .waitFor();
  client = await connectControl({
    stateFolder: path.join(workbench.person.home, '.local/state/biphase'),
    controlFile: '/nowhere/control.mjs',
    execPath: process.execPath,
    client: 'window',
    trusted: () => false,
    version: '0.1.0',
  });
  for (const { run, name, seed, peak } of runs)
    await client.call('launch', {
      node: 'this computer',
      run,
      file: {
        name,
        model: { hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32 },
        data: { source: 'world', packing: { length: 32 }, tokenizer: { train: { vocabSize: 300 } } },
        batch: { samples: 4 },
        phases: [
          { objective: 'clm', until: 10 },
          { objective: 'mlm', until: 30 },
        ],
        schedule: { peak },
        validate: { every: 10 },
        engine: { threads: 1 },
        seed,
      },
    });
  for (const deadline = Date.now() + 5 * patience; ; ) {
    const { runs: known } = await client.call('runs', {});
    if (runs.every(({ run }) => known.find((k) => k.run === run)?.state === 'finished')) break;
    assert.ok(Date.now() < deadline, JSON.stringify(known.map(({ state, reason }) => [state, reason])));
    await page.waitForTimeout(200);
  }
});
after(async () => {
  client?.dispose();
  await workbench?.close();
});

const heads = (frame: Frame): Promise<string[]> => frame.locator('.column-head .name').allInnerTexts();

async function cells(frame: Frame, label: string): Promise<string[]> {
  const row = frame
    .locator('.comparison tbody tr', { has: frame.locator('.row-head', { hasText: label }) })
    .first();
  await row.waitFor();
  return row.locator('td:not(.spacer)').allInnerTexts();
}

test('Compare Runs… puts seeds together, says what differs and marks no winner of single runs', async () => {
  await palette(page, 'Biphase: Compare Runs…');
  await page.locator('.quick-input-title', { hasText: 'Which runs to compare?' }).waitFor();
  await page.locator('.quick-input-widget .quick-input-header .monaco-checkbox').first().click();
  await page.keyboard.press('Enter');
  const frame = await webviewFrame(page, '.comparison .column-head');
  await frame.locator('.column-foot', { hasText: '2 seeds: 0, 1' }).waitFor();
  await frame.locator('.filter').fill('peak');
  const rates = await cells(frame, 'peak learning rate');
  assert.deepEqual([...rates].sort(), ['1e-3', '5e-3']);
  await frame.locator('.filter').fill('');
  assert.match((await cells(frame, 'validation loss, mlm, final')).join(), / ± .*\(n = 2\)/);
  assert.match(await frame.locator('.notes').innerText(), /one seed \(1 of 2 columns\)/);
  await frame.locator('.overlay-panel .note', { hasText: /\d+ of \d+ points/ }).waitFor();
  await screenshot(page, 'compare-workbench');
});

test('a pinned baseline is remembered, and everything is told as a difference to it, after a reload too', async () => {
  await paletteAndPick(page, 'Biphase: Pin as Baseline', 'hot');
  let frame = await webviewFrame(page, '.column-head.fixed');
  assert.deepEqual(await heads(frame), ['hot', 'cold']);
  await frame.locator('.overlay-panel h2', { hasText: 'Loss, difference to hot' }).waitFor();
  const { runs: known } = await client.call('runs', {});
  assert.deepEqual(
    known.filter(({ baseline }) => baseline).map(({ run }) => run),
    [runs[2]!.run],
  );
  await reloadWindow(page);
  frame = await webviewFrame(page, '.column-head.fixed');
  assert.deepEqual(await heads(frame), ['hot', 'cold']);
  assert.match((await cells(frame, 'validation loss, mlm, final'))[1]!, /[+−]\d/);
  await screenshot(page, 'compare-workbench-baseline');
});

test('a pin that another window makes is followed by the open page, and the tree unpins', async () => {
  let frame = await webviewFrame(page, '.column-head.fixed');
  await client.call('pinBaseline', { run: runs[0]!.run });
  await frame.locator('.column-head.fixed', { hasText: 'cold' }).waitFor();
  assert.deepEqual(await heads(frame), ['cold', 'hot']);
  await frame.locator('.overlay-panel h2', { hasText: 'Loss, difference to cold' }).waitFor();
  await palette(page, 'Biphase: Focus on Runs View');
  const row = page.locator('.tree-explorer-viewlet-tree-view .monaco-list-row[aria-label*="baseline"]');
  await row.first().click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Compare Runs…' }).waitFor();
  assert.equal(await page.getByRole('menuitem', { name: 'Pin as Baseline' }).count(), 0);
  await screenshot(page, 'runs-tree-menu');
  const unpin = page.getByRole('menuitem', { name: 'Unpin Baseline' });
  await unpin.hover();
  await unpin.click();
  await frame.locator('.column-head.fixed').waitFor({ state: 'detached' });
  const { runs: known } = await client.call('runs', {});
  assert.equal(known.filter(({ baseline }) => baseline).length, 0);
  await client.call('pinBaseline', { run: runs[2]!.run });
  frame = await webviewFrame(page, '.column-head.fixed');
  assert.deepEqual(await heads(frame), ['hot', 'cold']);
});

test('a group of seeds asks with what, with the seeds ticked; rows of several setups are compared at once', async () => {
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'Setup');
  const tree = '.tree-explorer-viewlet-tree-view .monaco-list-row';
  await page.locator(`${tree}[aria-label^="cold, n = 2 seeds"]`).click({ button: 'right' });
  await chooseFromMenu('Compare Runs…');
  await page.locator('.quick-input-title', { hasText: 'compare with these seeds of one setup' }).waitFor();
  assert.equal(await page.locator('.quick-input-count', { hasText: '2 Selected' }).count(), 1);
  await page.keyboard.press('Escape');
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'No groups');
  await page.locator(`${tree}[aria-label^="cold, n = "]`).waitFor({ state: 'detached' });
  const [hot, cold] = ['hot, finished', 'cold, finished'].map((name) =>
    page.locator(`${tree}[aria-label^="${name}"]`).first(),
  ) as [Locator, Locator];
  await hot.click();
  await cold.click({ modifiers: ['Control'] });
  await hot.click({ button: 'right' });
  await chooseFromMenu('Compare Runs…');
  const frame = await webviewFrame(page, '.column-head.fixed');
  await frame.locator('vscode-button', { hasText: 'Runs (2)…' }).waitFor();
  assert.deepEqual(await heads(frame), ['hot', 'cold']);
});

/** A menu takes no click in the moment in which it opens. */
async function chooseFromMenu(name: string): Promise<void> {
  const item = page.getByRole('menuitem', { name });
  await item.hover();
  await item.click();
}

test('the comparison is copied to the clipboard', async () => {
  const frame = await webviewFrame(page, '.column-head.fixed');
  await frame.locator('vscode-button', { hasText: 'Copy CSV' }).click();
  await page.locator('.statusbar-item', { hasText: 'The comparison is on the clipboard as CSV.' }).waitFor();
});

test('a covered comparison is shown again with its view and every point that came meanwhile, then follows', async () => {
  const run = '20260104-atworkaa';
  const folder = writeRunFolder(path.join(workbench.person.home, '.biphase'), run, {
    name: 'at work',
    state: 'running',
    machine: { host: thisMachine.host, bootId: thisMachine.bootId },
    process: ownIdentity(thisMachine),
  });
  const add = (from: number, to: number): void =>
    addCurves(
      folder,
      Array.from({ length: to - from + 1 }, (_, i): CurveLine => {
        const step = from + i;
        return { segment: 0, step, metrics: { loss: 2 + 4 * Math.exp(-step / 80) } };
      }),
    );
  add(1, 300);
  await palette(page, 'View: Close All Editors');
  await page.locator('.tab').first().waitFor({ state: 'detached' });
  await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
  await untilStored(client, run, 'loss', 300);
  await page
    .locator('.tree-explorer-viewlet-tree-view .monaco-list-row[aria-label^="at work"]')
    .click({ button: 'right' });
  await chooseFromMenu('Compare Runs…');
  await page.locator('.quick-input-count', { hasText: '1 Selected' }).waitFor();
  await page.keyboard.press('Enter');
  let frame = await webviewFrame(page, '.comparison .column-head');
  const note = (text: string): Promise<void> =>
    frame.locator('.overlay-panel .note', { hasText: text }).waitFor();
  await note('300 of 300 points');
  await frame.locator('.filter').fill('peak');
  await palette(page, 'File: New Untitled Text File');
  await until('covering the comparison', () => frame.isDetached());
  add(301, 450);
  await untilStored(client, run, 'loss', 450);
  await palette(page, 'View: Close Editor');
  frame = await webviewFrame(page, '.comparison .column-head');
  assert.equal(await frame.locator('.filter').inputValue(), 'peak');
  await note('450 of 450 points');
  add(451, 460);
  await note('460 of 460 points');
});
