// How fast the trainer's engines are, beside their own ceiling, PyTorch and tfjs-wasm:
//   node test/bench/trainer.ts [--turns 5] [--seconds 1.5] [--only product|0.2M|8.4M|42M] [--threads 1]
// Everybody works in turn in the same run, and medians over the turns are printed as two tables. What runs on one
// thread is counted by its processor time, which is the wall clock's on a machine that does nothing else; what runs on
// two is counted by the wall clock, and left out with --threads 1, for a busy machine. "128-bit" is the WebAssembly
// engine with BIPHASE_WIDE_VECTORS=off. It asserts nothing but that PyTorch and the engine find the same loss.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findBlas } from '../../src/trainer/engine/blas/findBlas.ts';
import type { StepShape } from '../../src/trainer/training/measuredStep.ts';
import { writeBenchCase } from './benchCase.ts';
import { type Contestant, findPyTorch, startBiphase, startPyTorch, startTfjs } from './contestant.ts';

const { values: options } = parseArgs({
  options: {
    turns: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    only: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const [turns, seconds] = [Number(options.turns), Number(options.seconds)];

const shapes: Record<string, Omit<StepShape, 'objective'>> = {
  '0.2M': { hidden: 64, layers: 2, heads: 4, kvHeads: 4, ffn: 176, vocab: 256, samples: 16, length: 64 },
  '8.4M': { hidden: 256, layers: 4, heads: 4, kvHeads: 4, ffn: 1024, vocab: 8192, samples: 16, length: 128 },
  '42M': { hidden: 512, layers: 6, heads: 8, kvHeads: 8, ffn: 2048, vocab: 16384, samples: 8, length: 256 },
};
const PRODUCT = 1024;

type Turn = Record<string, number>;
/** Turns of each contestant, by name. */
type Turns = Record<string, Turn[]>;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const peer = findPyTorch();
const hasBlas = findBlas() !== null;

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** The median over the turns of what `value` makes of a turn of each of the named contestants. */
function over(all: Turns, names: string[], value: (...turn: Turn[]) => number): number {
  return median(all[names[0]!]!.map((_, i) => value(...names.map((name) => all[name]![i]!))));
}

/** All contestants work in turn; several processes of one work at the same time and count as one, on average. */
async function compete(contestants: Record<string, Contestant[]>): Promise<Turns> {
  const names = Object.keys(contestants);
  for (const name of names) await Promise.all(contestants[name]!.map((one) => one.work(seconds / 2)));
  const all: Turns = Object.fromEntries(names.map((name) => [name, []]));
  for (let turn = 0; turn < turns; turn++)
    for (const name of names) {
      const results = await Promise.all(contestants[name]!.map((one) => one.work(seconds)));
      const keys = Object.keys(results[0]!);
      const mean = (key: string): number =>
        results.reduce((sum, result) => sum + result[key]!, 0) / results.length;
      all[name]!.push(Object.fromEntries(keys.map((key) => [key, mean(key)])));
    }
  for (const one of Object.values(contestants).flat()) one.close();
  return all;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;
const whole = (rate: number): string => Math.round(rate).toLocaleString('en');
const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;

async function product(): Promise<string[]> {
  const contestants: Record<string, Contestant[]> = {
    one: [await startBiphase('biphaseProduct.ts', [`${PRODUCT}`, '1'])],
    two: [await startBiphase('biphaseProduct.ts', [`${PRODUCT}`, '2'])],
    narrow: [await startBiphase('biphaseProduct.ts', [`${PRODUCT}`, '1'], false)],
  };
  const tfjs = await startTfjs(PRODUCT);
  if ('missing' in tfjs) say(tfjs.missing);
  else contestants.tfjs = [tfjs];
  const all = await compete(contestants);
  const flops = 2 * PRODUCT ** 3;
  const rate = (turn: Turn): number => (turn.products! * flops) / turn.cpu!;
  const shortest = (name: string): number => Math.min(...all[name]!.map((turn) => turn.shortest!));
  const gigaflops = (value: number): string => `${(value / 1e9).toFixed(1)}`;
  return [
    row(`product ${PRODUCT}³, packing included`, 'GFLOP/s', 'in the cache', 'share'),
    row('---', '---', '---', '---'),
    row(
      '128-bit, 1 thread',
      gigaflops(over(all, ['narrow'], rate)),
      gigaflops(over(all, ['narrow'], (turn) => turn.narrow!)),
      percent(over(all, ['narrow'], (turn) => rate(turn) / turn.narrow!)),
    ),
    row(
      'joined to 256 bits, 1 thread',
      gigaflops(over(all, ['one'], rate)),
      gigaflops(over(all, ['one'], (turn) => turn.wide!)),
      percent(over(all, ['one'], (turn) => rate(turn) / turn.wide!)),
    ),
    row('2 threads ÷ 1, the shortest product of each', times(shortest('one') / shortest('two')), '', ''),
    ...('tfjs' in all ? [row('tfjs-wasm, 1 thread', gigaflops(over(all, ['tfjs'], rate)), '', '')] : []),
  ];
}

/** PyTorch on two threads, with whichever threads of OpenBLAS are faster. */
async function fasterPyTorch(python: string, folder: string): Promise<Contestant> {
  const settings = [
    { torch: 2, blas: 2 },
    { torch: 2, blas: 1 },
  ];
  let best: { contestant: Contestant; rate: number } | undefined;
  for (const setting of settings) {
    const contestant = await startPyTorch(python, [folder], setting);
    await contestant.work(0.5);
    const turn = await contestant.work(seconds);
    const rate = turn.steps! / turn.wall!;
    const worse = best && rate <= best.rate ? contestant : best?.contestant;
    worse?.close();
    if (contestant !== worse) best = { contestant, rate };
  }
  return best!.contestant;
}

function checkLosses(ours: Contestant, theirs: Contestant): void {
  const [a, b] = [Number(ours.greeting.loss), Number(theirs.greeting.loss)];
  if (!(Math.abs(a - b) <= 1e-5 * Math.abs(b)))
    throw new Error(`The engine's first loss is ${a}, PyTorch's ${b}: one of them computes something else.`);
}

async function steps(name: string, objective: 'clm' | 'mlm', folder: string): Promise<string[]> {
  const { tokens, flops } = await writeBenchCase(folder, { ...shapes[name]!, objective });
  // The smallest shape is for two runs side by side, each on one thread.
  const runs = name === '0.2M' ? 2 : 1;
  const several = (start: () => Promise<Contestant>): Promise<Contestant[]> =>
    Promise.all(Array.from({ length: runs }, start));
  const contestants: Record<string, Contestant[]> = {
    one: await several(() => startBiphase('biphaseSteps.ts', [folder, '1', 'wasm'])),
    narrow: await several(() => startBiphase('biphaseSteps.ts', [folder, '1', 'wasm'], false)),
  };
  if (hasBlas) contestants.blas = await several(() => startBiphase('biphaseSteps.ts', [folder, '1', 'blas']));
  if ('python' in peer) {
    const { python } = peer;
    contestants.torchOne = await several(() => startPyTorch(python, [folder], { torch: 1, blas: 1 }));
    checkLosses(contestants.one![0]!, contestants.torchOne[0]!);
  }
  if (runs === 1 && options.threads !== '1') {
    contestants.two = [await startBiphase('biphaseSteps.ts', [folder, '2', 'wasm'])];
    contestants.narrowTwo = [await startBiphase('biphaseSteps.ts', [folder, '2', 'wasm'], false)];
    if (hasBlas) contestants.blasTwo = [await startBiphase('biphaseSteps.ts', [folder, '2', 'blas'])];
    if ('python' in peer) contestants.torchTwo = [await fasterPyTorch(peer.python, folder)];
  }
  say(`${name} ${objective}: ${Object.keys(contestants).join(', ')}`);
  const all = await compete(contestants);
  const byCpu = (turn: Turn): number => (turn.steps! * tokens) / turn.cpu!;
  const byWall = (turn: Turn): number => (turn.steps! * tokens) / turn.wall!;
  const flopsOfToken = flops / tokens;
  const line = (
    label: string,
    { ours, narrow, blas, torch }: { ours: string; narrow?: string; blas?: string; torch?: string },
    rate: (turn: Turn) => number,
    threads: number,
    speedup: string,
  ): string =>
    row(
      ...[name, objective.toUpperCase(), label],
      whole(over(all, [ours], rate)),
      percent(over(all, [ours], (turn) => (rate(turn) * flopsOfToken) / threads / turn.wide!)),
      narrow ? whole(over(all, [narrow], rate)) : '',
      narrow
        ? percent(over(all, [narrow], (turn) => (rate(turn) * flopsOfToken) / threads / turn.narrow!))
        : '',
      blas ? whole(over(all, [blas], rate)) : 'not measured',
      torch ? whole(over(all, [torch], rate)) : 'not measured',
      torch ? times(over(all, [ours, torch], (a, b) => rate(a) / rate(b))) : '',
      torch && blas ? times(over(all, [blas, torch], (a, b) => rate(a) / rate(b))) : '',
      speedup,
    );
  const label = runs === 2 ? '2 × 1' : '1';
  const known = (one: string): string | undefined => (all[one] ? one : undefined);
  const alone = { ours: 'one', narrow: 'narrow', blas: known('blas'), torch: known('torchOne') };
  const lines = [line(label, alone, byCpu, 1, '')];
  if (all.two) {
    // On two threads PyTorch may be faster with one.
    const best = (['torchTwo', 'torchOne'] as const)
      .filter((one) => all[one])
      .toSorted((a, b) => over(all, [b], byWall) - over(all, [a], byWall))[0];
    const speedup = times(over(all, ['two', 'one'], (two, one) => byWall(two) / byWall(one)));
    const pair = { ours: 'two', narrow: 'narrowTwo', blas: known('blasTwo'), torch: best };
    lines.push(line('2', pair, byWall, 2, speedup));
  }
  for (const one of lines) say(one);
  return lines;
}

const load = (): string =>
  os
    .loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
const began = load();
if ('missing' in peer) say(peer.missing);
if (!hasBlas) say('No BLAS was found: apt-get install libopenblas0-pthread.');
const report: string[] = [];
const wanted = (part: string): boolean => options.only === undefined || options.only === part;
if (wanted('product')) report.push(...(await product()), '');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-bench-'));
try {
  const header = [
    'model',
    'objective',
    'threads',
    'tokens/s',
    'of its ceiling',
    '128-bit tokens/s',
    'of its ceiling',
  ];
  const lines: string[] = [];
  for (const name of Object.keys(shapes))
    for (const objective of ['mlm', 'clm'] as const)
      if (wanted(name)) lines.push(...(await steps(name, objective, folder)));
  const columns = [
    ...header,
    'BLAS tokens/s',
    'PyTorch tokens/s',
    '÷ PyTorch',
    'BLAS ÷ PyTorch',
    '2 threads ÷ 1',
  ];
  if (lines.length > 0) report.push(row(...columns), row(...columns.map(() => '---')), ...lines, '');
} finally {
  fs.rmSync(folder, { recursive: true });
}
const cpu = os.cpus()[0]!.model.trim();
report.push(
  `${cpu}, ${os.cpus().length} cores, Node ${process.versions.node}, ${turns} turns; load ${began} → ${load()}.`,
);
process.stdout.write(`${report.join('\n')}\n`);
