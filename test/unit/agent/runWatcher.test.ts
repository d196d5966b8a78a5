import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import { readRunReport } from '../../../src/agent/runReport.ts';
import { RunWatcher } from '../../../src/agent/runWatcher.ts';

const nothingLives: ProcessTable = { host: 'h', bootId: 'b', startTime: () => null };
const [first, second] = ['20250101-aaaaaaaa', '20250101-bbbbbbbb'];

function rootWithRuns(t: { after: (done: () => void) => void }): NodeRoot {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-watch-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const root = new NodeRoot(folder);
  root.prepare();
  for (const run of [first, second]) fs.mkdirSync(root.runDirectory(run));
  return root;
}

test('pipes, links to themselves, folders and huge files in the place of records are as good as missing', (t) => {
  const root = rootWithRuns(t);
  const directory = root.runDirectory(first);
  for (const pipe of ['state.json', 'output.log', 'events.jsonl'])
    execFileSync('mkfifo', [path.join(directory, pipe)]);
  fs.symlinkSync('spec.json', path.join(directory, 'spec.json'));
  fs.mkdirSync(path.join(directory, 'progress.json'));
  fs.writeFileSync(path.join(directory, 'exit.json'), '');
  fs.truncateSync(path.join(directory, 'exit.json'), 3 * 2 ** 30);
  const { state, spec, wrapper, progress, exit, lastEvent } = readRunReport(root, first, nothingLives)!;
  assert.deepEqual(
    { state, spec, wrapper, progress, exit, lastEvent },
    { state: 'starting', spec: null, wrapper: null, progress: null, exit: null, lastEvent: null },
  );
});

test('a run that cannot be read does not keep the others from being served, and comes when it can', (t) => {
  const root = rootWithRuns(t);
  // Unreadable for every user, root too.
  const checkpoints = path.join(root.runDirectory(first), 'checkpoints');
  fs.symlinkSync('checkpoints', checkpoints);
  const reported: string[] = [];
  const gone: string[] = [];
  const watcher = new RunWatcher(root, nothingLives, {
    report: ({ run }) => reported.push(run),
    gone: (run) => gone.push(run),
    queue: () => {},
    changed: () => {},
  });
  t.after(() => watcher.close());
  assert.deepEqual(
    watcher.start().map(({ run }) => run),
    [second],
  );
  watcher.refresh(first);
  assert.deepEqual([reported, gone], [[], []]);
  fs.unlinkSync(checkpoints);
  watcher.refresh(first);
  assert.deepEqual([reported, gone], [[first], []]);
});
