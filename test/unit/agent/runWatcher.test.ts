import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import { changeJob } from '../../../src/agent/queue/changeJob.ts';
import { QueueFolder } from '../../../src/agent/queue/queueFolder.ts';
import { readRunReport } from '../../../src/agent/runReport.ts';
import { RunWatcher } from '../../../src/agent/runWatcher.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';

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

test('of many waiting runs only those whose jobs changed are read again; what holds up the queue reaches all', (t) => {
  const root = rootWithRuns(t);
  const queue = new QueueFolder(root.queues, nothingLives.host);
  const runs = Array.from({ length: 60 }, (_, index) => `20250102-${String(index).padStart(8, '0')}`);
  for (const [index, run] of runs.entries()) {
    fs.mkdirSync(root.runDirectory(run));
    queue.add({
      ...{ schema: 1, run, priority: 0, submittedAt: index, after: [], nodes: [], movingTo: null },
      ...{ slot: null, environment: {}, setup: [], background: false },
    });
  }
  const reported: RunReport[] = [];
  const watcher = new RunWatcher(root, nothingLives, {
    report: (report) => reported.push(report),
    gone: () => {},
    queue: () => {},
    changed: () => {},
  });
  t.after(() => watcher.close());
  watcher.start();
  watcher.refreshQueued();
  const opened = t.mock.method(fs, 'openSync');
  const openedFor = (work: () => void): number => {
    opened.mock.resetCalls();
    reported.length = 0;
    work();
    watcher.refreshQueued();
    return opened.mock.callCount();
  };
  const idle = openedFor(() => {});
  assert.ok(idle <= 10, `${idle} files are opened where nothing has changed`);
  const one = openedFor(() => changeJob(queue, runs[7]!, { priority: 5, finished: [] }));
  assert.deepEqual(
    reported.map(({ run, queue: place }) => [run, place?.priority]),
    [[runs[7], 5]],
  );
  assert.ok(one <= 40, `${one} files are opened where one of ${runs.length} has changed`);
  const why = openedFor(() => queue.setWhy('No GPU is free.'));
  assert.equal(reported.length, runs.length);
  assert.ok(reported.every(({ reason }) => reason === 'No GPU is free.'));
  assert.ok(why <= 15, `${why} files are opened for a sentence that all share`);
  openedFor(() => queue.setHold('paused'));
  assert.ok(reported.every(({ reason }) => reason === 'The queue of this node is paused.'));
  openedFor(() => {
    queue.setHold(null);
    queue.setWhy(null);
    queue.change(runs[3]!, 'waiting', 'moving');
    queue.remove(runs[4]!, 'waiting');
  });
  for (const run of runs) {
    const told = reported.find((report) => report.run === run);
    assert.deepEqual(told, readRunReport(root, run, nothingLives), 'as if it were read anew');
  }
});
