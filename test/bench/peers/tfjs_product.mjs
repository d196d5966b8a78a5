// Products by tfjs-wasm on one thread, for test/bench/trainer.ts, in the same words as biphaseProduct.ts: node
// tfjs_product.mjs SIZE. Needs `npm install` in this folder.
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as wasm from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

const dist = path.dirname(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm')));
wasm.setWasmPaths(`${dist}/`);
wasm.setThreadsCount(1);
await tf.setBackend('wasm');
await tf.ready();
const size = Number(process.argv[2]);
const [a, b] = [0, 1].map(() => tf.fill([size, size], 0.5));

function cpuSeconds() {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

process.stdout.write(`${JSON.stringify({ detail: `tfjs-wasm ${wasm.version_wasm}` })}\n`);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [wall, cpu] = [performance.now(), cpuSeconds()];
  let products = 0;
  for (const until = wall + 1000 * Number(line); products === 0 || performance.now() < until; products++) {
    const c = tf.matMul(a, b);
    c.dataSync();
    c.dispose();
  }
  const taken = { wall: (performance.now() - wall) / 1000, cpu: cpuSeconds() - cpu };
  process.stdout.write(`${JSON.stringify({ products, ...taken })}\n`);
}
