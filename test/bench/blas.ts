// How fast the trainer is with the BLAS engine, beside PyTorch on the same kind of library:
//   node test/bench/blas.ts [--turns 5] [--seconds 1.5] [--only 8.4M|42M] [--threads 1|2]
// Both work in turn in the same run, and medians over the turns are printed as one table. One thread is counted by its
// processor time, which is the wall clock's on a machine that does nothing else; two threads by the wall clock. It
// asserts nothing but that both find the same loss.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { needBlas } from '../../src/trainer/engine/blas/findBlas.ts';
import type { StepShape } from '../../src/trainer/training/measuredStep.ts';
import { writeBenchCase } from './benchCase.ts';
import { type Contestant, findPyTorch, startBiphase, startPyTorch } from './contestant.ts';

const { values: options } = parseArgs({
  options: {
    turns: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    only: { type: 'string' },
    threads: { type: 'string' },
  },
});
const [turns, seconds] = [Number(options.turns), Number(options.seconds)];

const shapes: Record<string, Omit<StepShape, 'objective'>> = {
  '8.4M': { hidden: 256, layers: 4, heads: 4, kvHeads: 4, ffn: 1024, vocab: 8192, samples: 16, length: 128 },
  '42M': { hidden: 512, layers: 6, heads: 8, kvHeads: 8, ffn: 2048, vocab: 16384, samples: 8, length: 256 },
};

// Variables that bend OpenBLAS's own choice of kernels: left out for both.
delete process.env.OPENBLAS_CORETYPE;
delete process.env.OPENBLAS_L2_SIZE;

type Rate = (turn: Record<string, number>) => number;
const byCpu: Rate = (turn) => turn.steps! / turn.cpu!;
const byWall: Rate = (turn) => turn.steps! / turn.wall!;

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** Rates of each contestant, turn by turn. */
async function compete(contestants: Contestant[], rate: Rate): Promise<number[][]> {
  for (const one of contestants) await one.work(seconds / 2);
  const rates: number[][] = contestants.map(() => []);
  for (let turn = 0; turn < turns; turn++)
    for (const [i, one] of contestants.entries()) rates[i]!.push(rate(await one.work(seconds)));
  return rates;
}

const peer = findPyTorch();
if ('missing' in peer) throw new Error(peer.missing);
const whole = (rate: number): string => Math.round(rate).toLocaleString('en');
const began = os.loadavg();
console.log('| model | objective | threads | BLAS engine, tokens/s | PyTorch, tokens/s | ÷ PyTorch | goal |');
console.log('|---|---|---|---|---|---|---|');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-bench-'));
try {
  for (const [name, shape] of Object.entries(shapes))
    for (const objective of ['mlm', 'clm'] as const) {
      if (options.only !== undefined && options.only !== name) continue;
      const { tokens } = await writeBenchCase(folder, { ...shape, objective });
      for (const threads of [1, 2]) {
        if (options.threads !== undefined && Number(options.threads) !== threads) continue;
        // PyTorch has the number of OpenBLAS threads that is best for it.
        const settings = threads === 1 ? [1] : [2, 1];
        const ours = await startBiphase('biphaseSteps.ts', [folder, `${threads}`, 'blas'], true);
        const theirs: Contestant[] = [];
        for (const blas of settings)
          theirs.push(await startPyTorch(peer.python, [folder], { torch: threads, blas }));
        const [a, b] = [Number(ours.greeting.loss), Number(theirs[0]!.greeting.loss)];
        if (!(Math.abs(a - b) <= 1e-5 * Math.abs(b)))
          throw new Error(
            `The engine's first loss is ${a}, PyTorch's ${b}: one of them computes something else.`,
          );
        const [mine, ...others] = await compete([ours, ...theirs], threads === 1 ? byCpu : byWall);
        for (const one of [ours, ...theirs]) one.close();
        const best = others.toSorted((x, y) => median(y) - median(x))[0]!;
        const ratio = median(mine!.map((rate, i) => rate / best[i]!));
        const how = threads === 1 ? '1 (processor time)' : `${threads} (wall clock)`;
        console.log(
          `| ${name} | ${objective.toUpperCase()} | ${how} | ${whole(tokens * median(mine!))} | ` +
            `${whole(tokens * median(best))} | ${ratio.toFixed(2)} × | ${threads === 2 ? '≥ 1.1 ×' : '–'} |`,
        );
      }
    }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
const load = [...began, ...os.loadavg()].map((value) => value.toFixed(1));
console.log(
  `\n${os.cpus()[0]!.model.trim()}, ${os.cpus().length} cores, ${needBlas().version}, Node ${process.versions.node}, ` +
    `${turns} turns; load ${load.slice(0, 3).join(' ')} → ${load.slice(3).join(' ')}.`,
);
