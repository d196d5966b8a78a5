/// <reference lib="dom" />
// 1,000 runs in a window: its tree and its comparer. Longest tasks of the page.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { runFiles } from '../../../src/protocol/runDirectory.ts';
import { makePrivateHome } from '../../support/privateHome.ts';
import { startWorkbench } from '../../support/workbenchBrowser.ts';
import { palette, paletteAndPick, webviewFrame } from '../../support/workbenchPage.ts';
import { probeFrames, profiled, takeLongTasks, tracedTasks } from './pageProbe.ts';
import { type RecordedRun, writeRecordedRuns } from './recordedRuns.ts';

const count = 1000;
const changesPerSecond = 100;
const live = 100;
const steps = 210;
const quick = '.quick-input-widget';

export async function measureMany(
  row: (measured: string, result: string, goal?: string) => void,
  profileFolder: string | undefined,
): Promise<void> {
  const person = makePrivateHome();
  const spare = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-many-'));
  const runs = writeRecordedRuns(person, { count, steps, live });
  const workbench = await startWorkbench({ person });
  try {
    await probeFrames(workbench.browser);
    const page = await workbench.open();
    const session = await workbench.browser.newCDPSession(page);
    const measure = async (name: string, what: string, work: () => Promise<void>): Promise<void> => {
      await sleep(2000);
      await takeLongTasks(page);
      const { clock, own } = await profiled(session, profileFolder, name, () =>
        tracedTasks(workbench.browser, page, async () => {
          await work();
          await sleep(500);
        }),
      );
      const tasks = await takeLongTasks(page);
      row(
        what,
        `longest task ${clock.toFixed(0)} ms by the clock, ${own.toFixed(0)} ms of processor time; ${tasks.length} over 50 ms`,
        '≤ 50 ms',
      );
    };
    await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
    await page.locator('.statusbar-item', { hasText: new RegExp(`${live} running`) }).waitFor();
    const treeRow = page.locator('.pane-body .monaco-list-row[aria-label*="210m"]').first();
    await measure('tree-open', `tree of ${count} runs opened`, async () => {
      await palette(page, 'Biphase: Focus on Runs View');
      await treeRow.waitFor();
    });
    await measure('rest', 'nothing happens, 10 s', () => sleep(10_000));
    await measure('tree-group', 'grouped by setup', async () => {
      await paletteAndPick(page, 'Biphase: Group Runs By…', 'Setup');
      await treeRow.waitFor();
    });
    await measure('tree-filter', 'filtered', () => filter(page, '7k'));
    await filter(page, '');
    for (const grouping of ['Setup', 'No groups']) {
      await paletteAndPick(page, 'Biphase: Group Runs By…', grouping);
      await measure(
        `tree-changes-${grouping.split(' ')[0]!.toLowerCase()}`,
        `${changesPerSecond} changes a second for 10 s, ${grouping === 'Setup' ? 'grouped by setup' : 'no groups'}`,
        () => change(runs.slice(0, live), spare, 10),
      );
    }
    await measure('compare', `${count} runs picked and compared, until every curve is there`, async () => {
      await palette(page, 'Biphase: Compare Runs…');
      await page.locator(`${quick} .quick-input-list .monaco-list-row`).first().waitFor();
      await page.locator(`${quick} .quick-input-header [role=checkbox]`).first().click();
      await page.keyboard.press('Enter');
      const frame = await webviewFrame(page, '.comparison tbody tr', 120_000);
      await frame.waitForFunction(
        // Five seeds are one column; those in view are not behind.
        (columns) =>
          Number(document.querySelector<HTMLElement>('canvas.behind')?.dataset.curves) > columns - 24 &&
          !document.querySelector('.overlay-panel .note')?.textContent?.includes('to come'),
        count / 5,
        { timeout: 240_000 },
      );
    });
  } finally {
    await workbench.close();
    fs.rmSync(spare, { recursive: true, force: true });
  }
}

async function filter(page: Page, text: string): Promise<void> {
  await palette(page, 'Biphase: Filter Runs…');
  const input = page.locator(`${quick} .quick-input-box input`);
  await input.waitFor();
  await input.fill(text);
  await page.keyboard.press('Enter');
}

/** Progress of runs, written as the trainer does, by rename. */
async function change(runs: readonly RecordedRun[], spare: string, seconds: number): Promise<void> {
  const begun = performance.now();
  for (let done = 0; done < seconds * changesPerSecond; done++) {
    const run = runs[done % runs.length]!;
    run.step++;
    const place = path.join(spare, runFiles.progress);
    const progress = {
      ...{ schema: 1, segment: 0, step: run.step, totalSteps: 4 * steps, phase: 0, tokens: run.step * 4096 },
      ...{ tokensPerSecond: 18_400, loss: 9 / run.step, secondsLeft: 1e4, doing: 'training' },
      time: Date.now() / 1000,
    };
    fs.writeFileSync(place, JSON.stringify(progress));
    fs.renameSync(place, path.join(run.folder, runFiles.progress));
    await sleep(Math.max(0, begun + ((done + 1) * 1000) / changesPerSecond - performance.now()));
  }
}
