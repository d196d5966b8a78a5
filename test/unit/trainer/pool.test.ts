import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BiphaseError } from '../../../src/core/errors.ts';
import { CONTROL_BYTES } from '../../../src/trainer/engine/wasm/control.ts';
import { Pool } from '../../../src/trainer/engine/wasm/pool.ts';

const PAGE = 65536;
const fill = (pool: Pool, elements: number, tile: number, address: number, float: number): void =>
  pool.run('fill', Math.ceil(elements / tile), [elements, tile, address, { float }]);

test('every tile is computed once, however many there are', async () => {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const pool = await Pool.start(memory, [CONTROL_BYTES, 2 * CONTROL_BYTES, 3 * CONTROL_BYTES]);
  try {
    const values = new Float32Array(memory.buffer, PAGE, 3000);
    for (let round = 1; round <= 300; round++) {
      fill(pool, 1 + ((round * 37) % 3000), 1 + (round % 50), PAGE, round);
      const filled = values.findIndex((value) => value !== round);
      assert.equal(filled === -1 ? 3000 : filled, 1 + ((round * 37) % 3000));
    }
  } finally {
    await pool.close();
  }
});

test('a kernel that leaves its memory on any thread is an error and not a wait without end', async () => {
  for (let round = 0; round < 6; round++) {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
    const pool = await Pool.start(memory, [CONTROL_BYTES, 2 * CONTROL_BYTES, 3 * CONTROL_BYTES]);
    try {
      // The first tiles lie within, the last ones beyond the end.
      assert.throws(
        () => fill(pool, 2 * PAGE, 4096, PAGE, 1),
        (error) => error instanceof BiphaseError && error.kind === 'internal',
      );
    } finally {
      await pool.close();
    }
  }
});
