import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { groupings, progressText, sortings } from '../../../../src/core/runList/runGroups.ts';
import { type Row, RunsModel } from '../../../../src/extension/runs/runsModel.ts';
import { plainView } from '../../../../src/extension/runs/runsView.ts';
import type { RunSummary } from '../../../../src/protocol/controlApi.ts';
import { fakeRun } from '../../../browser/pages/fakeRuns.ts';

/** What is drawn of a row: its own text, and its rows below, as deep as somebody has opened them. */
interface Drawn {
  row: Row;
  text: string;
  below: Drawn[];
}

function textOf(model: RunsModel, row: Row): string {
  if (row.kind === 'group') {
    const group = model.group(row.key);
    return JSON.stringify([row.id, group?.name, progressText(group?.runs ?? [])]);
  }
  const run = model.run(row.run);
  const extra =
    row.kind === 'run'
      ? [model.stepsOf(row.run), model.placeOf(row.run), model.seedOf(row.run)]
      : [model.branchesOf(row.run, row.step).map((branch) => branch.run)];
  // A checkpoint's row shows nothing of its run's progress.
  return JSON.stringify([row.id, row.kind === 'run' ? run : run?.checkpoints.includes(row.step), extra]);
}

function draw(model: RunsModel, row: Row, depth: number): Drawn {
  const below = depth > 0 ? model.children(row).map((child) => draw(model, child, depth - 1)) : [];
  return { row, text: textOf(model, row), below };
}

const depth = 4;
const drawAll = (model: RunsModel): Drawn[] => model.children().map((row) => draw(model, row, depth));

/** As the workbench does it: a row that is told of is drawn anew with what is below it, all others stay. */
function redraw(model: RunsModel, drawn: Drawn[], rows: readonly Row[] | undefined, left = depth): Drawn[] {
  if (!rows) return drawAll(model);
  return drawn.map((one) =>
    rows.includes(one.row)
      ? draw(model, one.row, left)
      : { ...one, below: redraw(model, one.below, rows, left - 1) },
  );
}

const texts = (drawn: readonly Drawn[]): unknown => drawn.map(({ text, below }) => [text, texts(below)]);

const change = fc.record(
  {
    name: fc.constantFrom('x', 'y', '$(flame)'),
    seed: fc.constantFrom(null, 0, 1),
    state: fc.constantFrom('running', 'queued', 'finished', 'failed'),
    step: fc.nat(3),
    tags: fc.subarray(['p', 'q']),
    group: fc.constantFrom(null, 'g', 'h'),
    archived: fc.boolean(),
    setup: fc.constantFrom(null, 's', 't'),
    checkpoints: fc.subarray([1, 2, 3]),
    parent: fc.constantFrom(null, `${fakeRun(0, '').run}@2`, `${fakeRun(1, '').run}@1`),
    priority: fc.nat(2),
  },
  { requiredKeys: [] },
);
const events = fc.array(
  fc.array(fc.record({ index: fc.nat(6), change: fc.option(change, { nil: null }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  { maxLength: 8 },
);

test('drawing the rows that a change names shows what drawing everything would', () => {
  const views = fc.record({
    filter: fc.constantFrom('', 'state:active', 'tag:p', 'x'),
    grouping: fc.constantFrom(...groupings),
    sorting: fc.constantFrom(...sortings),
    archived: fc.boolean(),
  });
  fc.assert(
    fc.property(views, events, (view, all) => {
      const runs = new Map<string, RunSummary>();
      const model = new RunsModel(runs);
      model.setView(view);
      let drawn = drawAll(model);
      for (const event of all) {
        const changed = new Set<string>();
        for (const { index, change } of event) {
          const { run } = fakeRun(index, '');
          changed.add(run);
          if (change === null) runs.delete(run);
          else {
            const { priority = 0, ...others } = change;
            const before = runs.get(run) ?? fakeRun(index, `run ${index}`, { createdAt: index % 3 });
            const now = { ...before, ...others };
            runs.set(run, {
              ...now,
              queue: now.state === 'queued' ? { priority, submittedAt: index } : undefined,
            } as RunSummary);
          }
        }
        drawn = redraw(model, drawn, model.refresh(changed));
        assert.deepEqual(texts(drawn), texts(drawAll(model)));
      }
    }),
    { numRuns: 300 },
  );
});

test('news of one run draws one row, wherever it stands', () => {
  const all = Array.from({ length: 50 }, (_, i) =>
    fakeRun(i, `run ${i}`, { tags: ['p', 'q'], checkpoints: [] }),
  );
  const runs = new Map(all.map((run) => [run.run, run]));
  const model = new RunsModel(runs);
  model.setView({ ...plainView, grouping: 'tag' });
  for (const row of model.children()) model.children(row);
  const [some] = all;
  runs.set(some!.run, { ...some!, step: some!.step + 1 });
  const rows = model.refresh(new Set([some!.run]));
  assert.deepEqual(
    rows?.map((row) => row.kind === 'run' && row.run),
    [some!.run, some!.run],
  );
});

test('the neighbour of a run is the one launched before it, among those that are shown', () => {
  const all = [3, 1, 2, 2].map((createdAt, index) => fakeRun(index, `run ${index}`, { createdAt }));
  const model = new RunsModel(new Map(all.map((run) => [run.run, run])));
  model.setView({ ...plainView, grouping: 'node' });
  const chain = [all[0]!];
  while (chain.length < 9) {
    const before = model.neighbourOf(chain.at(-1)!);
    if (!before) break;
    chain.push(before);
  }
  assert.deepEqual(
    chain.map(({ name }) => name),
    ['run 0', 'run 3', 'run 2', 'run 1'],
  );
  model.setView({ ...plainView, filter: '-"run 3"' });
  assert.equal(model.neighbourOf(all[0]!)?.name, 'run 2');
});

test('rows have ids of their own', () => {
  const parent = fakeRun(0, 'trunk', { tags: ['p', 'q'], checkpoints: [1] });
  const branch = fakeRun(1, 'branch', { tags: ['p'], parent: `${parent.run}@1`, checkpoints: [] });
  const model = new RunsModel(new Map([parent, branch].map((run) => [run.run, run])));
  model.setView({ ...plainView, grouping: 'tag' });
  const ids: string[] = [];
  const collect = (row?: Row): void => {
    for (const child of model.children(row)) {
      ids.push(child.id);
      collect(child);
    }
  };
  collect();
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, 2 + 2 + 1 + 2 * (1 + 1));
});

test('a run of a checkpoint that was deleted still stands under it', () => {
  const parent = fakeRun(0, 'trunk', { checkpoints: [3] });
  const branch = fakeRun(1, 'branch', { parent: `${parent.run}@2` });
  const model = new RunsModel(new Map([parent, branch].map((run) => [run.run, run])));
  model.setView(plainView);
  assert.deepEqual(model.stepsOf(parent.run), [3, 2]);
  assert.deepEqual(model.branchesOf(parent.run, 2), [branch]);
});
