import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainLabel, plainMessage } from '../../../../src/extension/plainLabel.ts';
import {
  deletedText,
  deleteQuestion,
  deleteRows,
  workingRuns,
} from '../../../../src/extension/runs/deleteText.ts';
import { dropChange } from '../../../../src/extension/runs/dropChange.ts';
import {
  commonTags,
  groupRows,
  knownGroups,
  knownTags,
  tagChange,
  tagMeant,
  tagRows,
} from '../../../../src/extension/runs/noteRows.ts';
import {
  filterProblem,
  plainView,
  runsViewOf,
  viewDescription,
} from '../../../../src/extension/runs/runsView.ts';
import { fakeRun } from '../../../browser/pages/fakeRuns.ts';

const done = (index: number, name: string, change = {}) =>
  fakeRun(index, name, { state: 'finished', ...change });

test('tags: what all have and is not ticked goes, what is ticked comes to all, what some have stays', () => {
  const runs = [
    { tags: ['all', 'some'], group: null },
    { tags: ['all'], group: null },
  ];
  assert.deepEqual(commonTags(runs), new Set(['all']));
  assert.deepEqual(tagChange(runs, new Set(['new'])), { addTags: ['new'], removeTags: ['all'] });
  assert.deepEqual(tagChange(runs, new Set(['all', 'some'])), { addTags: ['some'], removeTags: [] });
  assert.equal(tagChange(runs, new Set(['all'])), undefined);
  assert.deepEqual(
    tagRows(runs, ['all', 'some'], 'fresh').map(({ tag, description }) => [tag, description]),
    [
      ['all', ''],
      ['some', '1 of 2'],
      ['fresh', 'new tag'],
    ],
  );
  assert.equal(tagRows(runs, ['all'], 'all').length, 1);
  assert.deepEqual(knownTags(runs), ['all', 'some']);
});

test('Enter ticks the tag that is meant, and makes a new one where none is', () => {
  const rows = (typed: string) => tagRows([], ['paper', 'old paper'], typed);
  const meant = (typed: string) => tagMeant(rows(typed), typed)?.tag;
  assert.deepEqual(['pap', 'ape', 'old', 'PAPER', 'new', ''].map(meant), [
    ...['paper', 'paper', 'old paper', 'paper', 'new', undefined],
  ]);
});

test('hostile tags and groups are rows as they are written', () => {
  const [row] = tagRows([], ['$(flame) a\nb'], '');
  assert.equal(row!.label, '$\u200b(flame) a\ufffdb');
  assert.equal(row!.tag, '$(flame) a\nb');
  const runs = [{ tags: [], group: '$(x)' }];
  assert.deepEqual(knownGroups(runs), ['$(x)']);
  assert.deepEqual(
    groupRows(runs, ['$(x)']).map(({ label, does }) => [label, does]),
    [
      ['New group…', 'new'],
      ['$\u200b(x)', 'take'],
      ['No group', 'none'],
    ],
  );
  assert.equal(groupRows([{ tags: [], group: null }], []).length, 1);
});

test('words of a run make no link in a message and no icon in a label', () => {
  assert.doesNotMatch(plainMessage('[x](command:workbench.action.quit)'), /\]\(/);
  assert.doesNotMatch(plainLabel('$(flame)'), /\$\(/);
});

test('runs that may be at work are not deleted, whoever they are with', () => {
  assert.equal(workingRuns([done(1, 'a')]), undefined);
  assert.match(
    workingRuns([done(1, 'a'), fakeRun(2, 'b')])!,
    /^b is running, so nothing was deleted\. Stop it/,
  );
  assert.match(workingRuns([fakeRun(1, 'a'), fakeRun(2, 'b', { state: 'queued' })])!, /^2 of these runs/);
  assert.equal(workingRuns([fakeRun(1, 'a', { state: 'lost', onNode: false })]), undefined);
});

test('the question says which files go and which stay, node by node', () => {
  const disk = { bytes: 2e9, checkpointBytes: 1e9, at: 0 };
  const runs = [
    done(1, 'a', { checkpoints: [1, 2], disk }),
    done(2, 'b', { node: 'box', checkpoints: [] }),
    done(3, 'c', { onNode: false }),
  ];
  assert.deepEqual(
    deleteRows(runs).map(({ node, description }) => [node, description]),
    [
      ['atlas', '1 run, 2 checkpoints, 1.9 GiB'],
      ['box', '1 run, 0 checkpoints'],
    ],
  );
  const { question, detail } = deleteQuestion(runs, new Set(['atlas']));
  assert.equal(question, 'Delete 3 runs?');
  assert.match(detail, /Files on atlas are deleted: 1 run, 2 checkpoints\. That cannot be undone\./);
  assert.match(detail, /Files on box stay\./);
  assert.match(detail, /lost for good/);
  assert.match(detail, /a \(20260101-00000001\)/);
  const imported = done(4, 'd', { node: 'imported', kind: 'imported' });
  assert.deepEqual(deleteRows([imported]), []);
  const own = deleteQuestion([imported], new Set());
  assert.equal(own.detail, 'What was imported is deleted here. What it was made from stays.');
  const nothing = deleteQuestion([runs[1]!], new Set());
  assert.equal(nothing.question, 'Delete b?');
  assert.doesNotMatch(nothing.detail, /are deleted/);
  assert.equal(deletedText([runs[1]!], [runs[1]!], []), 'Deleted b. Its files stay on box.');
  assert.match(deletedText([], [], ['a: no']), /^Not deleted: a: no$/);
  assert.match(
    deleteQuestion(
      Array.from({ length: 20 }, (_, i) => done(i, `r${i}`)),
      new Set(),
    ).detail,
    /and 12 more/,
  );
});

test('a kept view that does not fit is as at first', () => {
  const view = { filter: 'state:failed', grouping: 'tag', sorting: 'loss', archived: true } as const;
  assert.deepEqual(runsViewOf(view), view);
  assert.deepEqual(runsViewOf(undefined), plainView);
  assert.deepEqual(
    runsViewOf({ filter: 'stat:x', grouping: 'moon', sorting: 3, archived: 'yes' }),
    plainView,
  );
  assert.match(filterProblem('stat:x')!, /Did you mean "state:"/);
  assert.equal(viewDescription(plainView, 3, 3), undefined);
  assert.equal(
    viewDescription(view, 3, 10),
    'state:failed · by tag · lowest loss first · with archived · 3 of 10',
  );
});

test('a drop is a tag more, or another group; elsewhere it means nothing', () => {
  assert.deepEqual(dropChange('tag', 'p'), { addTags: ['p'] });
  assert.deepEqual(dropChange('group', 'g'), { group: 'g' });
  assert.deepEqual(dropChange('group', null), { group: null });
  assert.equal(dropChange('tag', null), undefined);
  assert.equal(dropChange('node', 'atlas'), undefined);
});
