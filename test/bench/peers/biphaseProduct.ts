// Our side of the products in test/bench/trainer.ts: node biphaseProduct.ts SIZE THREADS. For each line with a number
// of seconds on stdin, multiplies for that long and prints {"products": …, "wall": …, "cpu": …, "shortest": …, "narrow": …,
// "wide": …}.
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';
import { measurePanelRates } from '../../../src/trainer/engine/wasm/panelRates.ts';
import { WasmEngine } from '../../../src/trainer/engine/wasm/wasmEngine.ts';

const [size, threads] = [Number(process.argv[2]), Number(process.argv[3])];
const sizes = {
  bytes: 2 ** 26,
  store: 0,
  stage: 0,
  pack: size * (size + 16),
  scratch: 1 << 17,
  normPartial: 1,
  optimizerTiles: 1,
};
const engine = await WasmEngine.open(sizes, threads);
const [y, x, weight] = [0, 1, 2].map(() => engine.tensor('f32', [size, size]));
for (const tensor of [x!, weight!]) engine.fill(tensor, 0.5);

function cpuSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

process.stdout.write(`{"detail":"Node ${process.versions.node}"}\n`);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { narrow, wide } = await measurePanelRates(100);
  const [wall, cpu] = [performance.now(), cpuSeconds()];
  let [products, shortest] = [0, Number.POSITIVE_INFINITY];
  for (const until = wall + 1000 * Number(line); products === 0 || performance.now() < until; products++) {
    const start = performance.now();
    engine.linear(y!, x!, weight!);
    shortest = Math.min(shortest, (performance.now() - start) / 1000);
  }
  const taken = { wall: (performance.now() - wall) / 1000, cpu: cpuSeconds() - cpu };
  process.stdout.write(`${JSON.stringify({ products, ...taken, shortest, narrow, wide })}\n`);
}
await engine.close();
