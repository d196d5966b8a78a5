import { createInterface } from 'node:readline';
import { NodeRoot } from '../../src/agent/nodeRoot.ts';
import { thisMachine } from '../../src/agent/processTable.ts';
import { SlotLocks } from '../../src/agent/slots/slotLocks.ts';

/** A process that takes slots of the root in its first argument, by the names that it reads, and says whether it got them. */
const [, , root, run] = process.argv;
const locks = new SlotLocks(new NodeRoot(root!), thisMachine);
for await (const slot of createInterface({ input: process.stdin }))
  process.stdout.write(`${locks.take(slot, { run: run!, segment: 0 })}\n`);
