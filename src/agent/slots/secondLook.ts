import { gpuLabel } from '../../core/gpuOccupancy.ts';
import { printable } from '../../core/printable.ts';
import type { GpuOwner } from '../../protocol/agentApi.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import { findGpus } from '../probe/gpus.ts';
import type { ProcessIdentity, ProcessTable } from '../processTable.ts';

/** By then whoever looked at the same moment is on the GPU too. */
export const secondLookMs = 5000;

/**
 * Why a run must give up the GPU that its trainer has just taken: somebody else took it in the same seconds, and began
 * first. Null where it keeps it. Others who look the same way come to the same decision, without a word between them.
 */
export async function whyGiveUp(
  uuid: string,
  trainer: ProcessIdentity,
  { root, table }: { root: NodeRoot; table: ProcessTable },
): Promise<string | null> {
  const { gpus } = await findGpus(root, table);
  const gpu = gpus.find((candidate) => candidate.uuid === uuid);
  const [first] = strangersBefore(gpu?.owners ?? [], trainer, (pid) => table.startTime(pid));
  if (!gpu || !first) return null;
  const who = printable(first.user ?? 'someone else');
  return `${gpuLabel(gpu)} of ${table.host} was taken by ${who} (process ${first.pid}) at the same time, who began first.`;
}

/**
 * Processes of no run of this root that began before the trainer; of the same moment, those with a lower number. Whose
 * beginning is hidden counts as before.
 */
export function strangersBefore(
  owners: readonly GpuOwner[],
  trainer: ProcessIdentity,
  startTime: (pid: number) => string | null,
): GpuOwner[] {
  // Clock ticks since boot: GPU tools are for Linux.
  const own = Number(trainer.startTime);
  return owners.filter(({ pid, run }) => {
    if (run !== null || pid === trainer.pid) return false;
    const other = Number(startTime(pid) ?? Number.NEGATIVE_INFINITY);
    return other < own || (other === own && pid < trainer.pid);
  });
}
