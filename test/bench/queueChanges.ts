// What changes of a queue cost the node's agent, which reports every run that waits there:
//   node test/bench/queueChanges.ts [--runs N] [--changes N]
// It prints the CPU time of this thread, without that of the changes themselves, and asserts nothing.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { NodeRoot } from '../../src/agent/nodeRoot.ts';
import { thisMachine } from '../../src/agent/processTable.ts';
import { changeJob } from '../../src/agent/queue/changeJob.ts';
import { QueueFolder } from '../../src/agent/queue/queueFolder.ts';
import { RunWatcher } from '../../src/agent/runWatcher.ts';
import { newRunId } from '../../src/core/newRunId.ts';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '400' }, changes: { type: 'string', default: '30' } },
});
const root = new NodeRoot(fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-changes-')));
root.prepare();
const queue = new QueueFolder(root.queues, thisMachine.host);
const runs = Array.from({ length: Number(values.runs) }, () => newRunId());
const file = { model: 'micro', data: { source: 'world' }, phases: [{ objective: 'clm', until: 100 }] };
for (const [index, run] of runs.entries()) {
  const directory = root.runDirectory(run);
  fs.mkdirSync(directory);
  const spec = { schema: 1, id: run, name: 'x', kind: 'pretrain', createdAt: 1, bundle: 'b', file };
  fs.writeFileSync(path.join(directory, 'spec.json'), JSON.stringify(spec));
  queue.add({
    ...{ schema: 1, run, priority: 0, submittedAt: index, after: [], nodes: [], movingTo: null },
    ...{ slot: null, environment: {}, setup: [], background: false },
  });
}
const nothing = (): void => {};
const events = { report: nothing, gone: nothing, queue: nothing, changed: nothing };
const watcher = new RunWatcher(root, thisMachine, events);
watcher.start();
watcher.refreshQueued();
let micros = 0;
for (let index = 0; index < Number(values.changes); index++) {
  changeJob(queue, runs[index % runs.length]!, { priority: index + 1, finished: [] });
  const before = process.threadCpuUsage();
  watcher.refreshQueued();
  const { user, system } = process.threadCpuUsage(before);
  micros += user + system;
}
process.stdout.write(
  `${values.changes} changes while ${runs.length} runs wait: ${(micros / 1000).toFixed(0)} ms of CPU\n`,
);
watcher.close();
fs.rmSync(root.path, { recursive: true });
process.exit(0);
