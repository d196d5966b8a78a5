import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import { SlotLocks } from '../../../src/agent/slots/slotLocks.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-slots-'));
after(() => fs.rmSync(folder, { recursive: true }));
let count = 0;
function freshRoot(): NodeRoot {
  const root = new NodeRoot(path.join(folder, String(count++)));
  root.prepare();
  return root;
}

const run = '20260101-aaaaaaaa';
const claim = { run, segment: 1 };
const machine = (startTime: string | null, changes: Partial<ProcessTable> = {}): ProcessTable => ({
  host: 'here',
  bootId: 'boot',
  startTime: () => startTime,
  ...changes,
});

function put(root: NodeRoot, file: string, content: object): void {
  fs.mkdirSync(root.runDirectory(run), { recursive: true });
  fs.writeFileSync(path.join(root.runDirectory(run), file), JSON.stringify({ schema: 1, ...content }));
}

test('a living holder keeps its slot, slot by slot', () => {
  const root = freshRoot();
  const locks = new SlotLocks(root, machine('1'));
  assert.equal(locks.holder('MIG-GPU-a/7/0'), null);
  assert.ok(locks.take('MIG-GPU-a/7/0', claim));
  assert.equal(locks.holder('MIG-GPU-a/7/0'), run);
  assert.ok(!locks.take('MIG-GPU-a/7/0', { run: '20260101-bbbbbbbb', segment: 0 }));
  assert.equal(locks.holder('MIG-GPU-a/7'), null, 'a name that is the beginning of another');
  assert.ok(locks.take('GPU-b', claim));
});

test('a dead holder, a number used again and an earlier boot are followed', () => {
  for (const later of [machine(null), machine('2'), machine('1', { bootId: 'next' })]) {
    const root = freshRoot();
    assert.ok(new SlotLocks(root, machine('1')).take('GPU-a', claim));
    const locks = new SlotLocks(root, later);
    assert.equal(locks.holder('GPU-a'), null);
    assert.ok(locks.take('GPU-a', claim));
  }
});

test('a trainer that outlives its wrapper keeps the slot; a recorded end gives it back', () => {
  const root = freshRoot();
  const wrapper = { pid: process.pid, startTime: '1' };
  assert.ok(new SlotLocks(root, machine('1')).take('GPU-a', claim));
  const later = new SlotLocks(root, machine(null, { startTime: (pid) => (pid === 4711 ? 'trainer' : null) }));
  const state = { host: 'here', bootId: 'boot', wrapper, bundle: 'b', startedAt: 0 };
  const trainer = { pid: 4711, startTime: 'trainer' };
  put(root, 'state.json', { ...state, trainer, segment: 0 });
  assert.equal(later.holder('GPU-a'), null, 'the trainer of another segment');
  put(root, 'state.json', { ...state, trainer, segment: 1 });
  assert.equal(later.holder('GPU-a'), run);
  put(root, 'exit.json', { segment: 0, code: 0, signal: null, endedAt: 0 });
  assert.equal(later.holder('GPU-a'), run, 'the end of an earlier segment');
  put(root, 'exit.json', { segment: 1, code: 0, signal: null, endedAt: 0 });
  assert.equal(later.holder('GPU-a'), null);
  assert.equal(new SlotLocks(root, machine('1')).holder('GPU-a'), null, 'the wrapper is about to end');
});

test('a container beside this one keeps its slot while its run is there', () => {
  const root = freshRoot();
  put(root, 'spec.json', {});
  assert.ok(new SlotLocks(root, machine('1', { host: 'beside' })).take('GPU-a', claim));
  const here = new SlotLocks(root, machine(null));
  assert.equal(here.holder('GPU-a'), run);
  fs.rmSync(root.runDirectory(run), { recursive: true });
  assert.equal(here.holder('GPU-a'), null);
});

test('old lock files are removed, and the slot goes on being held by one', () => {
  const root = freshRoot();
  for (let n = 0; n < 130; n++)
    assert.ok(new SlotLocks(root, machine(`start ${n}`)).take('GPU-a', claim), `claim ${n}`);
  assert.ok(!new SlotLocks(root, machine('start 129')).take('GPU-a', claim));
  assert.equal(fs.readdirSync(root.slots).length, 101);
});

/** A process that takes slots when told to, until it is killed. */
class Holder {
  readonly child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(root: NodeRoot) {
    const program = path.resolve(import.meta.dirname, '../../support/slotHolder.ts');
    this.child = spawn(process.execPath, [program, root.path, run], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async take(slot: string): Promise<boolean> {
    this.child.stdin!.write(`${slot}\n`);
    return (await this.#answers.next()).value === 'true';
  }

  async kill(): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}

test('of processes that ask at once exactly one holds a slot, however they die', async () => {
  // What happens before each round: one of the three is killed −9 and another one takes its place, or nothing.
  const rounds = fc.array(fc.option(fc.nat(2), { nil: null }), { minLength: 2, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(rounds, async (killed) => {
      const root = freshRoot();
      const holders = [0, 1, 2].map(() => new Holder(root));
      let holding: Holder | undefined;
      try {
        for (const victim of killed) {
          if (victim !== null) {
            const dead = holders[victim]!;
            await dead.kill();
            if (dead === holding) holding = undefined;
            holders[victim] = new Holder(root);
          }
          const answers = await Promise.all(holders.map((holder) => holder.take('GPU-a')));
          assert.equal(answers.filter(Boolean).length, holding ? 0 : 1);
          holding ??= holders[answers.indexOf(true)];
        }
      } finally {
        await Promise.all(holders.map((holder) => holder.kill()));
      }
    }),
    { numRuns: 5 },
  );
});
