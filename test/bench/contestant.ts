import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const peers = path.join(import.meta.dirname, 'peers');

/** A process that works for as long as it is told to, and says how much it did. */
export class Contestant {
  readonly greeting: Record<string, unknown>;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, greeting: Record<string, unknown>) {
    this.child = child;
    this.lines = lines;
    this.greeting = greeting;
  }

  static async start(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<Contestant> {
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const { value, done } = await lines.next();
    if (done) throw new Error(`${[command, ...args].join(' ')} ended before it began.`);
    return new Contestant(child, lines, JSON.parse(value) as Record<string, unknown>);
  }

  /** Works for `seconds`; the numbers it printed. */
  async work(seconds: number): Promise<Record<string, number>> {
    this.child.stdin!.write(`${seconds}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('A contestant ended in the middle of the benchmark.');
    return JSON.parse(value) as Record<string, number>;
  }

  close(): void {
    this.child.stdin!.end();
    this.child.kill();
  }
}

/** Variables that bend OpenBLAS's own choice of kernels are left out, for us and for PyTorch. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _l2, ...env } = process.env;
  return env;
}

/** Our own processes. Without `wideVectors` V8 keeps to vectors of 128 bits. */
export function startBiphase(script: string, args: string[], wideVectors = true): Promise<Contestant> {
  const env = { ...plainEnvironment(), BIPHASE_WIDE_VECTORS: wideVectors ? 'on' : 'off' };
  return Contestant.start(process.execPath, [path.join(peers, script), ...args], env);
}

/** A Python that has torch, or what to do about it. */
export function findPyTorch(): { python: string } | { missing: string } {
  const candidates = process.env.PYTHON ? [process.env.PYTHON] : ['python3', '/usr/bin/python3'];
  const python = candidates.find(
    (candidate) => spawnSync(candidate, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  );
  if (python) return { python };
  return {
    missing:
      'PyTorch is missing: apt-get install python3-torch libopenblas0-openmp, or set PYTHON to a Python that has it.',
  };
}

/** PyTorch on OpenBLAS built for OpenMP where Debian has put it: with the pthread build two pools of threads fight. */
export function startPyTorch(
  python: string,
  args: string[],
  threads: { torch: number; blas: number },
): Promise<Contestant> {
  const triplet = os.arch() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const openmp = `/usr/lib/${triplet}/openblas-openmp`;
  return Contestant.start(python, [path.join(peers, 'pytorch_steps.py'), ...args, `${threads.torch}`], {
    ...plainEnvironment(),
    OMP_NUM_THREADS: `${threads.torch}`,
    OPENBLAS_NUM_THREADS: `${threads.blas}`,
    ...(fs.existsSync(openmp) ? { LD_LIBRARY_PATH: openmp } : {}),
  });
}

/** tfjs-wasm, or what to do about it. */
export async function startTfjs(size: number): Promise<Contestant | { missing: string }> {
  if (!fs.existsSync(path.join(peers, 'node_modules/@tensorflow/tfjs-backend-wasm')))
    return { missing: 'tfjs-wasm is missing: npm ci in test/bench/peers.' };
  return await Contestant.start(
    process.execPath,
    [path.join(peers, 'tfjs_product.mjs'), `${size}`],
    process.env,
  );
}
