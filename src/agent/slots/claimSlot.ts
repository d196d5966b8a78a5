import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { type GpuSlot, isSlotFree, usableGpus, whyNoGpu } from '../../core/gpuSlots.ts';
import { printable } from '../../core/printable.ts';
import type { SlotWish } from '../../protocol/agentApi.ts';
import { runFiles, specSchema } from '../../protocol/runDirectory.ts';
import { readJson } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import { findGpus } from '../probe/gpus.ts';
import type { ProcessTable } from '../processTable.ts';
import { SlotLocks } from './slotLocks.ts';

export interface SlotPlace {
  root: NodeRoot;
  table: ProcessTable;
  /** The trainer's: its CUDA_VISIBLE_DEVICES says which GPUs may be taken. */
  environment: NodeJS.ProcessEnv;
}

/**
 * A slot of this machine for a segment, held by this process and then by its trainer: where the node has a number of
 * slots, one of them; where it has GPUs, one of those that are free. Answers with the GPU's UUID, null for none.
 * @throws BiphaseError `full` where none is free, `missing` where the wish names a GPU that is not there
 */
export async function claimSlot(
  wish: SlotWish,
  claim: { run: string; segment: number },
  place: SlotPlace,
): Promise<string | null> {
  const locks = new SlotLocks(place.root, place.table);
  if (wish.count !== null && !countedSlots(wish.count, place).some((slot) => locks.take(slot, claim)))
    throw noCountedSlot(wish.count, place, locks);
  const slots = await gpuSlots(wish, place, locks);
  if (slots.length === 0) return null;
  const taken = slots.find((slot) => isSlotFree(slot) && locks.take(slot.gpu.uuid, claim));
  if (!taken) throw noGpu(await gpuSlots(wish, place, locks), place);
  return taken.gpu.uuid;
}

/**
 * Whether a slot is free, without taking it.
 * @throws BiphaseError as `claimSlot` does
 */
export async function checkSlot(wish: SlotWish, place: SlotPlace): Promise<void> {
  const locks = new SlotLocks(place.root, place.table);
  if (wish.count !== null && countedSlots(wish.count, place).every((slot) => locks.holder(slot) !== null))
    throw noCountedSlot(wish.count, place, locks);
  const slots = await gpuSlots(wish, place, locks);
  if (slots.length > 0 && !slots.some(isSlotFree)) throw noGpu(slots, place);
}

/** The GPUs that a run may take; none where the node has none, or hides them. */
async function gpuSlots(
  wish: SlotWish,
  { root, table, environment }: SlotPlace,
  locks: SlotLocks,
): Promise<GpuSlot[]> {
  const setting = environment.CUDA_VISIBLE_DEVICES;
  if (setting === '') return [];
  const { gpus, silent } = await findGpus(root, table);
  if (silent)
    throw new BiphaseError('unreachable', 'nvidia-smi does not answer, so no GPU is known to be free.', {
      next: 'Repair the driver; or set CUDA_VISIBLE_DEVICES to "" in the environment of this node, and runs use no GPU.',
    });
  const usable = usableGpus(gpus, setting);
  const wished = wish.gpu === null ? usable : usable.filter(({ uuid }) => uuid === wish.gpu);
  if (wish.gpu !== null && wished.length === 0)
    throw new BiphaseError('missing', `${table.host} has no GPU ${printable(wish.gpu)}.`, {
      next: 'Choose another one.',
    });
  return wished.map((gpu) => {
    const run = locks.holder(gpu.uuid);
    return { gpu, claimedBy: run === null ? null : (nameOfRun(root, run) ?? run) };
  });
}

function countedSlots(count: number, { table }: SlotPlace): string[] {
  return Array.from({ length: count }, (_, index) => `${table.host} ${index + 1}`);
}

function noCountedSlot(count: number, place: SlotPlace, locks: SlotLocks): BiphaseError {
  const holders = countedSlots(count, place).flatMap((slot) => {
    const run = locks.holder(slot);
    return run === null ? [] : [printable(nameOfRun(place.root, run) ?? run)];
  });
  return full(`No slot of ${place.table.host} is free: you run ${holders.join(', ')}.`);
}

function noGpu(slots: readonly GpuSlot[], { root, table }: SlotPlace): BiphaseError {
  const why = whyNoGpu(table.host, slots, (run) => nameOfRun(root, run));
  return full(why ?? `The free GPUs of ${table.host} were taken a moment ago.`);
}

function full(message: string): BiphaseError {
  return new BiphaseError('full', message, { next: 'Wait until one is free, or choose another node.' });
}

function nameOfRun(root: NodeRoot, run: string): string | undefined {
  const file = path.join(root.runs, path.basename(run), runFiles.spec);
  return readJson(file, specSchema)?.name;
}
