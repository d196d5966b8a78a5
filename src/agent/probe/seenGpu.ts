import type { Gpu } from '../../protocol/agentApi.ts';

/** A process on a GPU as the vendor's tool lists it. */
export interface GpuProcess {
  pid: number;
  memoryMiB: number | null;
}

/** A GPU as the vendor's tool shows it, its processes not yet known by user and run; null: the tool does not say. */
export interface SeenGpu extends Omit<Gpu, 'owners'> {
  processes: GpuProcess[] | null;
}

/** `silent`: the tool is there and does not answer, so that nothing is known of the GPUs. */
export interface SeenGpus {
  gpus: SeenGpu[];
  silent?: boolean;
  warning?: string;
}
