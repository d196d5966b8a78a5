import { BiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';

/** @throws BiphaseError `refused` for a node whose queue is Slurm's: it would start jobs all the same */
export function refuseHold({ name, slurm }: NodeConfig): void {
  if (!slurm) return;
  throw new BiphaseError(
    'refused',
    `Runs of ${printable(name)} wait in Slurm's queue, which Biphase does not hold.`,
    {
      next: 'Hold waiting jobs there with "scontrol hold JOBID" and let them go with "scontrol release JOBID", or stop their runs.',
    },
  );
}

/** @throws BiphaseError `refused` where a priority would be given to runs that all wait in Slurm's queue */
export function refusePriority(nodes: readonly NodeConfig[], priority: number): void {
  if (priority === 0 || !nodes.every(({ slurm }) => slurm)) return;
  const names = nodes.map(({ name }) => printable(name)).join(', ');
  throw new BiphaseError('refused', `Runs of ${names} wait in Slurm's queue, which has its own priorities.`, {
    next: 'Leave the priority out; let a waiting job go after others with "scontrol update jobid=JOBID nice=100".',
  });
}
