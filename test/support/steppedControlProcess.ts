// A real control, whose nodes are roots on this machine, that dies at one step of a move:
//   node test/support/steppedControlProcess.ts STATE-FOLDER STEP
// Its parent tells it what to do, and hears of runs.
import path from 'node:path';
import { Control } from '../../src/control/control.ts';
import { localNode } from '../../src/control/nodes/localNode.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';
import type { QueueHold } from '../../src/protocol/queue.ts';

/** What a parent asks for. */
export type Order =
  | { do: 'add'; name: string; root: string }
  | { do: 'remove'; name: string }
  | { do: 'connect'; name: string }
  | { do: 'hold'; name: string; hold: QueueHold | null }
  | { do: 'launch'; run: string; file: unknown; nodes: string[] };

export type Told = { done: number; failed?: string } | { run: RunSummary };

const [stateFolder, stepOfDeath] = process.argv.slice(2) as [string, string];
const tell = (told: Told): void => void process.send?.(told);
const control: Control = new Control(
  {
    stateFolder,
    bundleFolder: path.resolve(import.meta.dirname, '../../dist/bundle'),
    kinds: { local: localNode, ssh: localNode },
    log: (line) => process.stderr.write(`${line}\n`),
    atMoveStep: async (step) => {
      if (step === stepOfDeath) process.kill(process.pid, 'SIGKILL');
    },
  },
  {
    nodesChanged: () => {},
    runChanged: (id) => {
      const run = control.runSummary(id);
      if (run) tell({ run });
    },
    committed: () => {},
  },
);

async function follow(order: Order): Promise<void> {
  if (order.do === 'add')
    control.addNode({ name: order.name, kind: 'ssh', host: order.name, root: order.root, slots: 1 });
  else if (order.do === 'remove') await control.removeNode(order.name);
  else if (order.do === 'connect') await control.nodes.use(order.name);
  else if (order.do === 'hold') await control.runs.holdQueue(order.name, order.hold);
  else {
    const { failed } = await control.runs.launchBatch([order], order.nodes, 0, () => {});
    if (failed[0]) throw new Error(failed[0].message);
  }
}

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  follow(order).then(
    () => tell({ done: id }),
    (thrown: unknown) => tell({ done: id, failed: String(thrown) }),
  );
});
process.on('disconnect', () => process.exit());
