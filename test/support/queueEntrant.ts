// A process that puts runs into a queue as an agent does, each several times, as fast as it can:
//   node test/support/queueEntrant.ts ROOT TIMES RUN...
// It begins when its parent says so, and tells it how often it was the one who did it.
import { NodeRoot } from '../../src/agent/nodeRoot.ts';
import { thisMachine } from '../../src/agent/processTable.ts';
import { enterQueue } from '../../src/agent/queue/enterQueue.ts';
import { QueueFolder } from '../../src/agent/queue/queueFolder.ts';
import type { Spec } from '../../src/protocol/runDirectory.ts';

const [folder, times, ...runs] = process.argv.slice(2);
const root = new NodeRoot(folder!);
const queue = new QueueFolder(root.queues, thisMachine.host);
const wish = { priority: 0, after: [], nodes: [] };
const waiting = { environment: {}, setup: [], background: false };

export function specOf(run: string): Spec {
  return { schema: 1, id: run, name: 'x', kind: 'pretrain', createdAt: 1, bundle: 'own', file: {} };
}

process.once('message', () => {
  let entered = 0;
  for (const run of runs)
    for (let time = 0; time < Number(times); time++)
      if (enterQueue(specOf(run), { root, queue, wish, waiting })) entered++;
  process.send!({ entered });
  process.disconnect();
});
process.send?.('ready');
