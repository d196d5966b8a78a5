import { workerData } from 'node:worker_threads';
import { CONTROL, takeTiles } from './control.ts';
import { type HostStart, hostKernels } from './hostKernels.ts';
import { instantiateKernels } from './kernelSet.ts';

/** What a worker thread of the pool is started with. */
export interface WorkerStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of this thread's own scratch memory. */
  scratch: number;
  /** Looks at the sequence number before sleeping. */
  spins: number;
  host: HostStart;
}

function serve({ module, memory, scratch, spins, host }: WorkerStart): void {
  const compiled = instantiateKernels(module, memory);
  const kernels = [...compiled, ...hostKernels(memory.buffer, host, compiled)];
  const control = new Int32Array(memory.buffer, 0, 64);
  let seen = 0;
  Atomics.add(control, CONTROL.done, 1);
  Atomics.notify(control, CONTROL.done);
  for (;;) {
    for (let i = 0; i < spins && Atomics.load(control, CONTROL.sequence) === seen; i++);
    while (Atomics.load(control, CONTROL.sequence) === seen) Atomics.wait(control, CONTROL.sequence, seen);
    if (control[CONTROL.quit] === 1) return;
    seen = Atomics.load(control, CONTROL.sequence);
    try {
      takeTiles(control, kernels[control[CONTROL.kernel]!]!, control[CONTROL.tiles]!, scratch);
    } catch {
      Atomics.store(control, CONTROL.failed, 1);
    }
    Atomics.add(control, CONTROL.done, 1);
    Atomics.notify(control, CONTROL.done);
  }
}

serve(workerData as WorkerStart);
