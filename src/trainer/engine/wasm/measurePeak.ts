import { performance } from 'node:perf_hooks';
import { CONTROL_BYTES } from './control.ts';
import { Pool } from './pool.ts';

/**
 * Floating-point operations a second that one thread reaches in the engine's product kernel on operands that stay in
 * the first-level cache: the best of many short runs. What `shareOfPeak` is a share of.
 */
export async function measurePeak(): Promise<number> {
  const [rows, columns, depth] = [24, 16, 256];
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const pool = await Pool.start(memory, [CONTROL_BYTES]);
  try {
    const a = 4096;
    const b = a + rows * depth * 4;
    const c = b + columns * depth * 4;
    new Float32Array(memory.buffer, a, (rows + columns) * depth).fill(0.5);
    const args = [0, 0, 0, 0, 0, 0, c, columns * 4, 0, rows, columns, depth, a, b, 0, 1];
    const repetitions = 200;
    let best = Number.POSITIVE_INFINITY;
    const until = performance.now() + 300;
    while (performance.now() < until) {
      const start = performance.now();
      for (let i = 0; i < repetitions; i++) pool.run('multiplyTile', 1, args);
      best = Math.min(best, performance.now() - start);
    }
    return (2 * rows * columns * depth * repetitions) / (best / 1000);
  } finally {
    await pool.close();
  }
}
