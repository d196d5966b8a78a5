import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spaceLines } from '../../../src/cli/spaceLines.ts';
import { type SpaceRow, spaceRows, withoutDoubles } from '../../../src/extension/space/spaceRows.ts';
import {
  confirmation,
  freedText,
  nothingText,
  pickHint,
  pickTitle,
  rootQuestion,
  rootRemovedText,
} from '../../../src/extension/space/spaceText.ts';
import { clockText, runTooltip } from '../../../src/extension/views/runText.ts';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';
import { type DiskUse, diskUseSchema, spaceItemSchema } from '../../../src/protocol/diskSpace.ts';

const MiB = 2 ** 20;
const a = '20250101-aaaaaaaa';
const b = '20250101-bbbbbbbb';

function use(changes: Partial<DiskUse> = {}): DiskUse {
  return diskUseSchema.parse({
    root: '/home/ada/.biphase',
    bytes: 1000 * MiB,
    freeBytes: 5000 * MiB,
    freeFiles: 12_000,
    runs: [
      {
        run: a,
        name: '610m-clm-42k',
        state: 'stopped',
        bytes: 300 * MiB,
        checkpointBytes: 290 * MiB,
        checkpoints: [
          { step: 100, bytes: 50 * MiB, kept: null },
          { step: 150, bytes: 50 * MiB, kept: null },
          { step: 21_000, bytes: 60 * MiB, kept: 'at' },
          { step: 22_000, bytes: 70 * MiB, kept: 'origin' },
          { step: 42_000, bytes: 60 * MiB, kept: 'last' },
        ],
      },
      {
        run: b,
        name: 'micro',
        state: 'finished',
        bytes: 400 * MiB,
        checkpointBytes: 399 * MiB,
        checkpoints: [{ step: 600, bytes: 399 * MiB, kept: 'last' }],
      },
    ],
    cache: [
      { entry: 'tokens/k1', bytes: 20 * MiB, changedAt: 1735689600 },
      { entry: 'tokenizers/k2', bytes: 40 * MiB, changedAt: 1735689600 },
      { entry: 'later/k3', bytes: MiB, changedAt: 1735689600 },
    ],
    bundles: [
      { hash: 'old', bytes: 30 * MiB, needed: false },
      { hash: 'own', bytes: 30 * MiB, needed: true },
    ],
    nodeBuilds: [{ name: '24.0.0-linux-x64-gnu', bytes: 100 * MiB }],
    otherBytes: 4096,
    unreadable: 0,
    ...changes,
  });
}

const running = (): DiskUse => use({ runs: use().runs.map((run) => ({ ...run, state: 'running' })) });
const shown = (rows: readonly SpaceRow[]): string[] =>
  rows.map(({ section, label, description }) => `${section} | ${label} | ${description}`);

test('what may go is listed by section, the largest first; the last checkpoint only with its run', () => {
  const rows = spaceRows(use());
  assert.deepEqual(
    shown(rows).map((line) => line.replace(/written .*/, 'written …')),
    [
      'checkpoints | 610m-clm-42k | 100 MiB · 2 old checkpoints, steps 100 and 150',
      'checkpoints | 610m-clm-42k | 70 MiB · checkpoint of step 22,000, another run begins from it',
      'checkpoints | 610m-clm-42k | 60 MiB · checkpoint of step 21,000, kept by its run file',
      'runs | micro | 400 MiB · the whole run (checkpoints 399 MiB)',
      'runs | 610m-clm-42k | 300 MiB · the whole run (checkpoints 290 MiB)',
      'cache | Tokenizer | 40 MiB · written …',
      'cache | Tokens of a corpus | 20 MiB · written …',
      'cache | Cache entry | 1 MiB · written …',
      'bundles | Programs of another version | 30 MiB',
    ],
  );
  for (const { item } of rows) spaceItemSchema.parse(item);
  assert.match(rows[4]!.detail, /another run begins from one of its checkpoints/);
  assert.deepEqual(
    rows.slice(0, 3).map(({ item }) => item.kind === 'checkpoints' && [item.steps, item.kept]),
    [
      [[100, 150], false],
      [[22_000], true],
      [[21_000], true],
    ],
  );
});

test('nothing that an active run needs is offered, and the cache says why', () => {
  assert.deepEqual([...new Set(spaceRows(running()).map(({ section }) => section))], ['bundles']);
  assert.match(pickHint(running()), /the cache \(61 MiB\) is left alone while a run is active/);
  assert.doesNotMatch(pickHint(use()), /cache/);
  assert.match(pickHint(use({ unreadable: 2 })), /2 folders could not be read/);
});

test('the title sums what is ticked, and what goes with a run counts once', () => {
  const rows = spaceRows(use());
  assert.equal(pickTitle('atlas', use(), []), 'Free Space on atlas: 1000 MiB used, 4.9 GiB free');
  const [old] = rows;
  const run = rows.find(({ item }) => item.kind === 'run' && item.run === a)!;
  assert.equal(pickTitle('atlas', use(), [old!]), 'Free Space on atlas: 1 ticked, 100 MiB');
  assert.equal(pickTitle('atlas', use(), [old!, run]), 'Free Space on atlas: 2 ticked, 300 MiB');
  assert.deepEqual(withoutDoubles([old!, run]), [run]);
});

test('the last question says what goes and how much', () => {
  const all = confirmation('atlas', spaceRows(use()));
  assert.equal(
    all.question,
    'Delete 2 runs, 3 cache entries and 1 bundle on atlas? This frees 791 MiB and cannot be undone.',
  );
  assert.equal(all.yes, 'Delete 791 MiB');
  assert.match(all.detail, /^micro: 400 MiB · the whole run \(checkpoints 399 MiB\)\n610m-clm-42k: 300 MiB/);
  assert.match(all.detail, /Curves of deleted runs stay here/);
  const some = confirmation('atlas', spaceRows(use()).slice(0, 3));
  assert.match(some.question, /^Delete checkpoints of 1 run on atlas\?/);
  assert.doesNotMatch(some.detail, /Curves/);
  assert.match(some.detail, /Among them: 2 checkpoints that a run file or another run keeps/);
  assert.doesNotMatch(all.detail, /Among them/);
  const many = Array.from({ length: 30 }, () => spaceRows(use()).at(-1)!);
  assert.match(confirmation('atlas', many).detail, /\nand 18 more$/);
});

test('what came of it is told, with what stays', () => {
  assert.equal(freedText('atlas', { bytes: MiB, problems: [], skipped: 0 }), '1 MiB were freed on atlas.');
  assert.equal(
    freedText('atlas', { bytes: MiB, problems: ['Run x is running.'], skipped: 2 }),
    '1 MiB were freed on atlas. 2 things were not tried. Run x is running.',
  );
  assert.match(
    freedText('atlas', { bytes: 0, problems: ['One.', 'Two.'], skipped: 1 }),
    /^0 B were freed on atlas\. 1 thing was not tried\. 2 things stay, as the log says\. The first: One\.$/,
  );
  assert.match(nothingText('atlas', use()), /nothing on atlas to delete now: 1000 MiB are in use/);
});

test('before a folder is deleted its path and size are named, and afterwards what stays', () => {
  const { question, detail } = rootQuestion('atlas', use({ bytes: 1500 * MiB, otherBytes: 500 * MiB }));
  assert.equal(question, 'Delete /home/ada/.biphase on atlas?');
  assert.match(detail, /^2 runs with all checkpoints.*: 1000 MiB\.\nThis cannot be undone/);
  assert.equal(rootRemovedText('atlas', '/r', []), 'atlas was removed, and /r on it was deleted.');
  assert.match(rootRemovedText('atlas', '/r', ['thesis.tex']), /\/r on it stays with .*: thesis\.tex\./);
});

test('the tooltip of a run that was measured says its size and when', () => {
  const run = {
    phases: [],
    tags: [],
    checkpoints: [],
    state: 'stopped',
    loss: null,
    tokensPerSecond: null,
    secondsLeft: null,
    createdAt: 1,
    connected: true,
  } as unknown as RunSummary;
  const at = Date.UTC(2025, 0, 1) / 1000;
  const lines = runTooltip({ ...run, disk: { bytes: 300 * MiB, checkpointBytes: 290 * MiB, at } });
  assert.ok(
    lines.includes(`On disk: 300 MiB, checkpoints 290 MiB, measured ${clockText(at)}`),
    lines.join('\n'),
  );
  assert.ok(!runTooltip(run).some((line) => line.startsWith('On disk')));
});

test('on a terminal: the largest first in each part, with its sum', () => {
  assert.deepEqual(spaceLines(use()), [
    '/home/ada/.biphase: 1000 MiB used, 4.9 GiB free, 12000 more files fit',
    'runs  700 MiB',
    `    400 MiB  ${b}  micro  finished  checkpoints 399 MiB`,
    `    300 MiB  ${a}  610m-clm-42k  stopped  checkpoints 290 MiB`,
    'cache  61 MiB',
    '     40 MiB  tokenizers/k2',
    '     20 MiB  tokens/k1',
    '      1 MiB  later/k3',
    'bundles  60 MiB',
    '     30 MiB  old',
    '     30 MiB  own  needed',
    'node  100 MiB',
    '    100 MiB  24.0.0-linux-x64-gnu',
    'other  4 KiB',
  ]);
});
