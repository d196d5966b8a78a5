import type { Gpu } from '../../protocol/agentApi.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { findAmdGpus } from './amdSmi.ts';
import { GpuOwners } from './gpuOwners.ts';
import { findNvidiaGpus } from './nvidiaSmi.ts';

export interface FoundGpus {
  gpus: Gpu[];
  /** nvidia-smi is there and does not answer: there may be GPUs that nobody can be asked about. */
  silent: boolean;
  warnings: string[];
}

/** The GPUs of this machine and whose processes are on them. */
export async function findGpus(root: NodeRoot, table: ProcessTable): Promise<FoundGpus> {
  const found = await Promise.all([findNvidiaGpus(), findAmdGpus()]);
  const [nvidia] = found;
  const seen = found.flatMap(({ gpus }) => gpus);
  const owners = seen.some(({ processes }) => processes?.length) ? new GpuOwners(root, table) : undefined;
  const gpus = await Promise.all(
    seen.map(async ({ processes, ...gpu }) => ({
      ...gpu,
      owners: processes && (owners ? await Promise.all(processes.map((p) => owners.of(p))) : []),
    })),
  );
  return {
    gpus,
    silent: nvidia.silent === true,
    warnings: found.flatMap(({ warning }) => warning ?? []),
  };
}
