// Our side of test/bench/trainer.ts, in the same words as pytorch_steps.py:
//   node biphaseSteps.ts CASE_FOLDER THREADS wasm|blas
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';
import { measurePanelRates } from '../../../src/trainer/engine/wasm/panelRates.ts';
import { openPretrainingModel } from '../../../src/trainer/model/openModel.ts';
import { limitsOf } from '../../../src/trainer/model/paddedBatch.ts';
import { fullStep } from '../../../src/trainer/training/measuredStep.ts';
import type { BenchCase } from '../benchCase.ts';

const [folder, threads] = [process.argv[2]!, Number(process.argv[3])];
const engine = process.argv[4] === 'blas' ? 'blas' : 'wasm';
const { config, batch, parameters } = JSON.parse(
  readFileSync(path.join(folder, 'case.json'), 'utf8'),
) as BenchCase;
const bytes = readFileSync(path.join(folder, 'weights.bin'));
const packed = {
  inputIds: Int32Array.from(batch.inputIds),
  cumulativeLengths: Int32Array.from(batch.cumulativeLengths),
  causal: batch.causal,
  lossRows: Int32Array.from(batch.lossRows),
  targets: Int32Array.from(batch.targets),
};
const model = await openPretrainingModel({ config, limits: limitsOf(packed), engine, threads });
let at = 0;
for (const [name, shape] of parameters) {
  const count = shape.reduce((a, b) => a * b, 1);
  await model.write(name, 'weight', new Float32Array(bytes.buffer, bytes.byteOffset + 4 * at, count));
  at += count;
}

/** Processor time of this thread, in seconds. */
function cpuSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

let steps = 0;
const say = (message: unknown): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
say({ loss: await fullStep(model, packed, steps++), detail: `Node ${process.versions.node}` });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { narrow, wide } = await measurePanelRates(100);
  const before = steps;
  const [wall, cpu] = [performance.now(), cpuSeconds()];
  const until = wall + 1000 * Number(line);
  let loss = 0;
  while (steps === before || performance.now() < until) loss = await fullStep(model, packed, steps++);
  const taken = { wall: (performance.now() - wall) / 1000, cpu: cpuSeconds() - cpu };
  say({ steps: steps - before, ...taken, loss, narrow, wide });
}
await model.close();
