import { usableGpus, whyNoGpu } from '../../core/gpuSlots.ts';
import type { Probe, SlotWish } from '../../protocol/agentApi.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';

/**
 * What a run claims on a node: a slot where it has a number of them. Elsewhere runs start as they come: they compute on
 * processors, and need not wait for whoever uses a GPU. Where Slurm starts runs, it gives them their GPUs.
 */
export function slotWish({ slots, slurm }: NodeConfig): SlotWish | undefined {
  return slots === undefined || slurm ? undefined : { count: slots, gpu: null };
}

/** One sentence where a run would find no GPU there now. */
export function whyNoFreeGpu(
  config: NodeConfig,
  { gpus }: Pick<Probe, 'gpus'>,
  nameOfRun: (run: string) => string | undefined,
): string | null {
  if (!slotWish(config)) return null;
  const usable = usableGpus(gpus, config.environment?.CUDA_VISIBLE_DEVICES);
  return whyNoGpu(
    config.name,
    usable.map((gpu) => ({ gpu, claimedBy: null })),
    nameOfRun,
  );
}

/** The same for one of many runs: on a node without a number of slots they take turns, one a GPU, or one at a time. */
export function batchSlotWish(config: NodeConfig, probe: Pick<Probe, 'gpus'> | null): SlotWish {
  const gpus = usableGpus(probe?.gpus ?? [], config.environment?.CUDA_VISIBLE_DEVICES).length;
  return slotWish(config) ?? { count: Math.max(1, gpus), gpu: null };
}
