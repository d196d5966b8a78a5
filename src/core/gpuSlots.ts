import type { Gpu } from '../protocol/agentApi.ts';
import { formatMebibytes, gpuLabel, gpuUse, isGpuFree } from './gpuOccupancy.ts';
import { printable } from './printable.ts';

/** A GPU and the own run that has claimed it, by name; null where none has. */
export interface GpuSlot {
  gpu: Gpu;
  claimedBy: string | null;
}

/** Nobody computes on it, and no own run is about to. */
export function isSlotFree({ gpu, claimedBy }: GpuSlot): boolean {
  return claimedBy === null && isGpuFree(gpu);
}

/**
 * "No GPU of atlas is free: GPU 0 (you: 610m-clm-42k), GPU 1 (ada, 131 GiB)."; null where one is, or there are none.
 */
export function whyNoGpu(
  host: string,
  slots: readonly GpuSlot[],
  nameOfRun: (run: string) => string | undefined,
): string | null {
  if (slots.length === 0 || slots.some(isSlotFree)) return null;
  const holders = slots.map(({ gpu, claimedBy }) => {
    if (claimedBy !== null) return `${gpuLabel(gpu)} (you: ${printable(claimedBy)})`;
    const memory = formatMebibytes(gpu.memoryUsedMiB);
    return `${gpuLabel(gpu)} (${gpuUse(gpu, nameOfRun)}${memory ? `, ${memory}` : ''})`;
  });
  return `No GPU of ${host} is free: ${holders.join(', ')}.`;
}

/** The GPUs that a run may take. AMD's are shown, but no engine uses them. */
export function usableGpus(gpus: readonly Gpu[], visibleDevices: string | undefined): Gpu[] {
  return visibleGpus(
    gpus.filter(({ vendor }) => vendor === 'nvidia'),
    visibleDevices,
  );
}

/**
 * The GPUs that CUDA_VISIBLE_DEVICES leaves, read as CUDA does: numbers or the beginnings of UUIDs, up to the first that
 * names none; all of them where it is not set.
 */
function visibleGpus(gpus: readonly Gpu[], setting: string | undefined): Gpu[] {
  if (setting === undefined) return [...gpus];
  const visible: Gpu[] = [];
  for (const entry of setting.split(',').map((part) => part.trim())) {
    const named = gpus.filter((gpu) =>
      /^\d+$/.test(entry) ? gpu.index === Number(entry) : entry !== '' && gpu.uuid.startsWith(entry),
    );
    if (named.length === 0) break;
    visible.push(...named.filter((gpu) => !visible.includes(gpu)));
  }
  return visible;
}
