import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strangersBefore } from '../../../src/agent/slots/secondLook.ts';
import type { GpuOwner } from '../../../src/protocol/agentApi.ts';

const trainer = { pid: 50, startTime: '1000' };
const on = (pid: number, run: string | null = null): GpuOwner => ({ pid, run, user: 'ada', memoryMiB: 1 });
/** Processes that the trainer gives way to. */
const first = (starts: Record<number, string>, owners: GpuOwner[]): number[] =>
  strangersBefore(owners, trainer, (pid) => starts[pid] ?? null).map(({ pid }) => pid);

test('who began first keeps the GPU, and both sides decide the same', () => {
  assert.deepEqual(first({ 7: '999', 8: '1001' }, [on(7), on(8)]), [7]);
  assert.deepEqual(first({ 49: '1000', 51: '1000' }, [on(49), on(51)]), [49], 'in the same tick');
  const other = { pid: 7, startTime: '999' };
  assert.deepEqual(
    strangersBefore([on(50)], other, () => trainer.startTime),
    [],
  );
});

test('own runs are no strangers; whose beginning is hidden came first', () => {
  const mine = '20260101-aaaaaaaa';
  assert.deepEqual(first({ 7: '999', 50: '1000' }, [on(7, mine), on(50, mine), on(50)]), []);
  assert.deepEqual(first({}, [on(4711)]), [4711]);
});
