import { performance } from 'node:perf_hooks';
import { setCompilerFlags } from './compilerFlags.ts';
import { CONTROL_BYTES } from './control.ts';
import { Pool } from './pool.ts';

/** Floating-point operations a second of one thread in the innermost blocks of a product, on numbers in the first-level cache. */
export interface PanelRates {
  /** Blocks of 6 × 8: what fills the registers where vectors have 128 bits. */
  narrow: number;
  /** Blocks of 6 × 16: faster where V8 joins vectors to 256 bits. */
  wide: number;
}

const [ROWS, COLUMNS, DEPTH] = [24, 16, 256];
const REPETITIONS = 25;
/** Runs of each kind at least, so that one that was interrupted does not decide. */
const LEAST_RUNS = 20;
let choice: Promise<boolean> | undefined;

/** Measures both for at least `milliseconds`, in turn: the best of many runs of about 0.1 ms. */
export async function measurePanelRates(milliseconds: number): Promise<PanelRates> {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const pool = await Pool.start(memory, [CONTROL_BYTES]);
  try {
    const a = 4096;
    const b = a + ROWS * DEPTH * 4;
    const c = b + COLUMNS * DEPTH * 4;
    new Float32Array(memory.buffer, a, (ROWS + COLUMNS) * DEPTH).fill(0.5);
    const seconds = (wide: 0 | 1): number => {
      const place = [a, DEPTH * 4, 4, 0, 0, 0, c, COLUMNS * 4, 0];
      const args = [...place, ROWS, COLUMNS, DEPTH, b, 1, ROWS, COLUMNS, wide];
      const start = performance.now();
      for (let i = 0; i < REPETITIONS; i++) pool.run('multiplyTile', 1, args);
      return (performance.now() - start) / 1000;
    };
    const best = [seconds(0), seconds(1)];
    const until = performance.now() + milliseconds;
    for (let run = 0; run < LEAST_RUNS || performance.now() < until; run++)
      for (const wide of [0, 1] as const) best[wide] = Math.min(best[wide]!, seconds(wide));
    const rate = (time: number): number => (2 * ROWS * COLUMNS * DEPTH * REPETITIONS) / time;
    return { narrow: rate(best[0]!), wide: rate(best[1]!) };
  } finally {
    await pool.close();
  }
}

/** Whether products should take blocks of 6 × 16 on this machine. Both ways give the same bits. */
export async function widePanelsAreFaster(): Promise<boolean> {
  // Without joined vectors 24 sums never fit the registers.
  if (!setCompilerFlags()) return false;
  choice ??= measurePanelRates(0).then(({ narrow, wide }) => wide > narrow);
  return await choice;
}
