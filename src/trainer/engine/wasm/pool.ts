import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { BiphaseError } from '../../../core/errors.ts';
import { kernelsFile, workerFile } from './assets.ts';
import { setCompilerFlags } from './compilerFlags.ts';
import { ARGUMENTS_BYTES, ARGUMENTS_WORD, CONTROL, HOST_ARGUMENTS, takeTiles } from './control.ts';
import { HOST_KERNEL_NAMES, type HostKernelName, type HostStart, hostKernels } from './hostKernels.ts';
import { instantiateKernels, KERNEL_NAMES, type Kernel, type KernelName } from './kernelSet.ts';
import type { WorkerStart } from './poolWorker.ts';

/** How often a thread looks before it sleeps: a few tens of microseconds, about the pause between two ops. */
const SPINS = 2000;

/** An argument of a kernel: integers and addresses, or a float marked as one. */
export type Argument = number | { float: number };

/** The calling thread and its workers over one shared memory; an op runs on all of them and ends before `run` does. */
export class Pool {
  private readonly control: Int32Array;
  private readonly integers: Int32Array;
  private readonly floats: Float32Array;
  private readonly doubles: Float64Array;
  private readonly kernels: Kernel[];
  private readonly workers: Worker[];
  private readonly scratch: number;

  private constructor(memory: WebAssembly.Memory, kernels: Kernel[], workers: Worker[], scratch: number) {
    this.control = new Int32Array(memory.buffer, 0, 64);
    this.integers = new Int32Array(memory.buffer, ARGUMENTS_WORD * 4, 64);
    this.floats = new Float32Array(memory.buffer, ARGUMENTS_WORD * 4, 64);
    this.doubles = new Float64Array(memory.buffer, ARGUMENTS_BYTES, HOST_ARGUMENTS);
    this.kernels = kernels;
    this.workers = workers;
    this.scratch = scratch;
  }

  /** The calling thread and its workers. */
  get threads(): number {
    return this.workers.length + 1;
  }

  /** `scratch`: one address for each thread; the first is the calling thread's. */
  static async start(
    memory: WebAssembly.Memory,
    scratch: readonly number[],
    host: HostStart = { store: null, blas: null },
  ): Promise<Pool> {
    setCompilerFlags();
    const module = await WebAssembly.compile(await readKernels());
    const compiled = instantiateKernels(module, memory);
    const kernels = [...compiled, ...hostKernels(memory.buffer, host, compiled)];
    const spins = SPINS;
    const workers = scratch.slice(1).map((address) => {
      const workerData: WorkerStart = { module, memory, scratch: address, spins, host };
      return new Worker(workerFile, { workerData, name: 'biphase-kernel' });
    });
    const control = new Int32Array(memory.buffer, 0, 64);
    const failed = new Promise<never>((_, reject) => {
      for (const worker of workers) worker.once('error', reject);
    });
    failed.catch(() => {});
    while (Atomics.load(control, CONTROL.done) < workers.length) {
      const ready = Atomics.load(control, CONTROL.done);
      if (ready === workers.length) break;
      const waited = Atomics.waitAsync(control, CONTROL.done, ready, 50);
      await Promise.race([waited.value, failed]);
    }
    // From here on the pool alone does not keep the process alive.
    for (const worker of workers) worker.unref();
    return new Pool(memory, kernels, workers, scratch[0]!);
  }

  /**
   * Runs one kernel over all its tiles.
   * @throws BiphaseError `internal` when the kernel leaves its memory; the pool is of no use then but to be closed
   */
  run(name: KernelName, tiles: number, args: readonly Argument[]): void {
    args.forEach((argument, i) => {
      if (typeof argument === 'number') this.integers[i] = argument;
      else this.floats[i] = argument.float;
    });
    this.compute(KERNEL_NAMES.indexOf(name), name, tiles);
  }

  /** The same for a kernel of the host, whose arguments are doubles. */
  runHost(name: HostKernelName, tiles: number, args: readonly number[]): void {
    this.doubles.set(args);
    this.compute(KERNEL_NAMES.length + HOST_KERNEL_NAMES.indexOf(name), name, tiles);
  }

  private compute(kernel: number, name: string, tiles: number): void {
    if (tiles === 0) return;
    const { control } = this;
    if (this.workers.length === 0 || tiles === 1) {
      for (let tile = 0; tile < tiles; tile++) this.kernels[kernel]!(ARGUMENTS_WORD * 4, tile, this.scratch);
      return;
    }
    control[CONTROL.kernel] = kernel;
    control[CONTROL.tiles] = tiles;
    Atomics.store(control, CONTROL.nextTile, 0);
    Atomics.store(control, CONTROL.done, 0);
    Atomics.add(control, CONTROL.sequence, 1);
    Atomics.notify(control, CONTROL.sequence);
    let cause: unknown;
    try {
      takeTiles(control, this.kernels[kernel]!, tiles, this.scratch);
    } catch (error) {
      control[CONTROL.failed] = 1;
      cause = error;
    }
    const all = this.workers.length;
    for (let i = 0; i < SPINS && Atomics.load(control, CONTROL.done) < all; i++);
    for (;;) {
      const done = Atomics.load(control, CONTROL.done);
      if (done === all) break;
      Atomics.wait(control, CONTROL.done, done);
    }
    if (Atomics.load(control, CONTROL.failed) === 1)
      throw new BiphaseError('internal', `The compute kernel ${name} failed.`, { cause });
  }

  async close(): Promise<void> {
    const { control } = this;
    control[CONTROL.quit] = 1;
    Atomics.add(control, CONTROL.sequence, 1);
    Atomics.notify(control, CONTROL.sequence);
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}

async function readKernels(): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(kernelsFile));
  } catch (cause) {
    throw new BiphaseError('missing', `The compute kernels are missing (${kernelsFile.pathname}).`, {
      next: 'Run npm run build.',
      cause,
    });
  }
}
