import type { Gpu } from '../protocol/agentApi.ts';
import { formatBytes } from './numberFormat.ts';
import { printable } from './printable.ts';

/** A driver keeps some memory for itself; from here on somebody computes, also one whom the tool does not list. */
const occupiedFromMiB = 500;

/**
 * Whether nobody computes on a GPU: no process is listed, and little memory is used. Where its processes are not known
 * it is never free; where its memory is not (as on boards that share the processor's) the processes decide.
 */
export function isGpuFree(gpu: Gpu): boolean {
  return gpu.owners?.length === 0 && (gpu.memoryUsedMiB ?? 0) < occupiedFromMiB;
}

/** "GPU 2", "AMD GPU 0", or "GPU 0 instance 3". */
export function gpuLabel({ vendor, index, instance }: Gpu): string {
  const card = vendor === 'amd' ? `AMD GPU ${index}` : `GPU ${index}`;
  return instance === null ? card : `${card} instance ${instance}`;
}

/** Who computes on it, in few words: "free", "you: 610m-clm-42k", "ada", "someone else", "in use", "not known". */
export function gpuUse(gpu: Gpu, nameOfRun: (run: string) => string | undefined): string {
  if (isGpuFree(gpu)) return 'free';
  if (gpu.owners === null) return 'not known';
  if (gpu.owners.length === 0) return 'in use';
  const uses = gpu.owners.map(({ run, user }) =>
    run === null ? printable(user ?? 'someone else') : `you: ${printable(nameOfRun(run) ?? run)}`,
  );
  return [...new Set(uses)].join(', ');
}

/** MiB as a size for people; null where it is not known. */
export function formatMebibytes(mebibytes: number | null): string | null {
  return mebibytes === null ? null : formatBytes(mebibytes * 2 ** 20);
}
