import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OpTime, timeOps } from '../../../src/trainer/engine/opTimes.ts';
import { ReferenceEngine } from '../../../src/trainer/engine/reference/referenceEngine.ts';

test('every op is counted with its time, products by their shape and with their operations', async () => {
  const times = new Map<string, OpTime>();
  let now = 0;
  // Each look at the clock takes a second: an op, which looks before and after, takes one.
  const engine = timeOps(new ReferenceEngine(), () => now++, times);
  const [x, weight, y] = [
    engine.tensor('f32', [3, 2]),
    engine.tensor('f32', [5, 2]),
    engine.tensor('f32', [3, 5]),
  ];
  engine.fill(x, 2);
  engine.fill(weight, 3);
  times.clear();
  engine.linear(y, x, weight);
  engine.linear(y, x, weight, true);
  engine.linearBackwardInput(x, y, weight);
  engine.linearBackwardWeight(weight, y, x);
  engine.copy(y, y);
  assert.deepEqual(Object.fromEntries(times), {
    'linear 3 × 2 → 5': { calls: 2, seconds: 2, flops: 120 },
    'linearBackwardInput 3 × 2 → 5': { calls: 1, seconds: 1, flops: 60 },
    'linearBackwardWeight 3 × 2 → 5': { calls: 1, seconds: 1, flops: 60 },
    copy: { calls: 1, seconds: 1, flops: 0 },
  });
  assert.deepEqual([...(await engine.read(y))], new Array(15).fill(24));
});
