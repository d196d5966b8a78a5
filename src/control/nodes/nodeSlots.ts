import { usableGpus, whyNoGpu } from '../../core/gpuSlots.ts';
import type { Probe, SlotWish } from '../../protocol/agentApi.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';

/**
 * What a run claims on a node. On this computer nothing, unless it has a number of slots: a desktop's GPU is in use by
 * its screen, and runs start there as they come.
 */
export function slotWish({ kind, slots }: NodeConfig): SlotWish | undefined {
  return kind === 'local' && slots === undefined ? undefined : { count: slots ?? null, gpu: null };
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
