// What the runs tree costs with many runs of which some change all the time:
//   node test/bench/runsTree.ts [--runs N] [--changes N] [--seconds N] [--workbench]
// Without --workbench: the rows alone, as the extension host makes them, with a stand-in for VS Code's classes. For each
// grouping: showing all rows; then, five times a second as in the window, the rows of so many changed runs. With
// --workbench: run folders on this computer, their progress written anew all the time, the packaged extension in a real
// workbench; the longest tasks of the window's page and the longest time that the extension host did not answer.
// Rows are counted in processor time of the thread, the workbench by the clock. It asserts nothing.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ownIdentity, thisMachine } from '../../src/agent/processTable.ts';
import { type Grouping, groupings } from '../../src/core/runList/runGroups.ts';
import type { Row } from '../../src/extension/runs/runsModel.ts';
import { RunsModel } from '../../src/extension/runs/runsModel.ts';
import { plainView } from '../../src/extension/runs/runsView.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';
import { fakeRun } from '../browser/pages/fakeRuns.ts';
import { writeRunFolder } from '../support/runFolder.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    changes: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '30' },
    workbench: { type: 'boolean', default: false },
  },
});
const [count, changes, seconds] = [values.runs, values.changes, values.seconds].map(Number) as [
  number,
  number,
  number,
];

if (values.workbench) await measureWorkbench();
else await measureRows();

async function measureRows(): Promise<void> {
  const vscode = `
    export class TreeItem { constructor(label, state) { this.label = label; this.collapsibleState = state; } }
    export class ThemeIcon { constructor(id, color) { this.id = id; this.color = color; } }
    export class ThemeColor { constructor(id) { this.id = id; } }
    export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };`;
  registerHooks({
    resolve: (name, context, next) =>
      name === 'vscode'
        ? { url: `data:text/javascript,${encodeURIComponent(vscode)}`, shortCircuit: true }
        : next(name, context),
  });
  const { groupItem, runItem } = await import('../../src/extension/runs/rowItems.ts');
  const runs = new Map<string, RunSummary>();
  for (let index = 0; index < count; index++) {
    const run = someRun(index);
    runs.set(run.run, run);
  }
  const model = new RunsModel(runs);
  /** A row as the workbench gets it. */
  const draw = (row: Row, grouping: Grouping): string => {
    if (row.kind === 'group') return JSON.stringify(groupItem(row, model.group(row.key), grouping));
    const run = model.run(row.run);
    if (!run || row.kind !== 'run') return '';
    const parts = { opens: model.stepsOf(row.run).length > 0, place: model.placeOf(row.run) };
    return JSON.stringify(runItem(row, run, parts));
  };
  const drawWith = (row: Row, grouping: Grouping): void => {
    draw(row, grouping);
    if (row.kind === 'group') for (const child of model.children(row)) draw(child, grouping);
  };
  print(['grouping', 'all rows', 'changes, median', 'p95', 'longest', 'rows drawn a time']);
  for (const grouping of groupings) {
    const whole = timed(() => {
      model.setView({ ...plainView, grouping });
      for (const row of model.children()) drawWith(row, grouping);
    });
    const times: number[] = [];
    let drawn = 0;
    const rounds = 200;
    for (let round = 0; round < rounds; round++) {
      const changed = new Set<string>();
      for (let i = 0; i < changes; i++) {
        const index = (round * changes + i * 7) % count;
        const run = runs.get(someRun(index).run)!;
        runs.set(run.run, { ...run, step: run.step + 1, loss: Number(run.loss) * 0.999 });
        changed.add(run.run);
      }
      times.push(
        timed(() => {
          const rows = model.refresh(changed) ?? model.children();
          drawn += rows.length;
          for (const row of rows) drawWith(row, grouping);
        }),
      );
    }
    times.sort((a, b) => a - b);
    const at = (share: number): string => ms(times[Math.floor(share * (times.length - 1))]!);
    print([grouping, ms(whole), at(0.5), at(0.95), at(1), String(Math.round(drawn / rounds))]);
  }
}

/** Every fifth has repeats; tags, groups, nodes and lineages as in a busy year. */
function someRun(index: number): RunSummary {
  const parent = index % 4 === 3 ? `${fakeRun(index - 3, '').run}@1000` : null;
  return fakeRun(index, `610m-clm-${index % 50}k-mlm40`, {
    createdAt: 1.75e9 + index * 60,
    node: `node-${index % 7}`,
    setup: `setup-${Math.floor(index / 5)}`,
    seed: index % 5,
    tags: index % 3 === 0 ? ['paper', `batch ${index % 11}`] : [],
    group: index % 2 === 0 ? `group ${index % 13}` : null,
    state: index % 10 === 0 ? 'running' : 'finished',
    parent,
  });
}

async function measureWorkbench(): Promise<void> {
  const { startWorkbench } = await import('../support/workbenchBrowser.ts');
  const { palette, paletteAndPick } = await import('../support/workbenchPage.ts');
  const spare = mkdtempSync(path.join(os.tmpdir(), 'biphase-tree-'));
  const workbench = await startWorkbench();
  try {
    const root = path.join(workbench.person.home, '.biphase');
    const folders = Array.from({ length: count }, (_, index) => {
      const live = index < changes;
      const run = `20260101-${String(index).padStart(8, '0')}`;
      const phases = [{ objective: 'clm', until: 42_000 }];
      const file = { model: 'micro', data: { source: 'world' }, phases, seed: index % 5 };
      return writeRunFolder(root, run, {
        name: `610m-clm-${index % 50}k-mlm40`,
        state: live ? 'running' : 'finished',
        file,
        ...(live
          ? {
              machine: { host: thisMachine.host, bootId: thisMachine.bootId },
              process: ownIdentity(thisMachine),
            }
          : {}),
      });
    });
    const page = await workbench.open();
    await page.evaluate(() => {
      const tasks: number[] = [];
      Object.assign(globalThis, { longTasks: tasks });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) tasks.push(entry.duration);
      }).observe({ type: 'longtask' });
    });
    await palette(page, 'Biphase: Focus on Runs View');
    await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
    await page.locator('.monaco-list-row[aria-label*="610m"]').first().waitFor();
    const longTasks = (): Promise<number[]> =>
      page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks.splice(0));
    const row = (name: string, tasks: number[]): void =>
      print([name, String(tasks.length), ms(Math.max(0, ...tasks))]);
    print([`${seconds} s each`, 'tasks over 50 ms', 'longest']);
    for (const label of ['No groups', 'Setup', 'Node']) {
      await paletteAndPick(page, 'Biphase: Group Runs By…', label);
      await sleep(3000);
      await longTasks();
      // What the machine does to a page in which nothing happens.
      await sleep(seconds * 1000);
      row(`${label}, nothing changes`, await longTasks());
      const end = Date.now() + seconds * 1000;
      for (let step = 1; Date.now() < end; step++)
        for (const folder of folders.slice(0, changes)) {
          writeProgress(folder, step, spare);
          await sleep(2000 / changes);
        }
      row(`${label}, ${changes} of ${count} runs change every 2 s`, await longTasks());
    }
  } finally {
    await workbench.close();
    rmSync(spare, { recursive: true, force: true });
  }
}

/** As the trainer writes it: by rename. */
function writeProgress(folder: string, step: number, spare: string): void {
  const place = path.join(spare, 'progress.json');
  const progress = {
    ...{ schema: 1, segment: 0, step, totalSteps: 42_000, phase: 0, tokens: step * 4096 },
    ...{
      tokensPerSecond: 18_400,
      loss: 9 / step,
      secondsLeft: 1e4,
      doing: 'training',
      time: Date.now() / 1000,
    },
  };
  writeFileSync(place, JSON.stringify(progress));
  renameSync(place, path.join(folder, 'progress.json'));
}

/** Milliseconds of this thread's processor time: others at work on the machine do not count. */
function timed(work: () => void): number {
  const began = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1000;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function print(columns: readonly string[]): void {
  process.stdout.write(`| ${columns.join(' | ')} |\n`);
}
