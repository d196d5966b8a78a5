import { BiphaseError } from '../../core/errors.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { allReports } from './allReports.ts';
import { neededOrigins } from './checkpointNeeds.ts';
import { withHeldRun } from './heldRun.ts';
import { putAside } from './putAside.ts';

/**
 * Puts an ended run aside.
 * @throws BiphaseError `refused` where it, or a run that begins from it, is active; `missing`
 */
export async function takeRun(
  root: NodeRoot,
  run: string,
  table: ProcessTable,
  jobs?: JobWatch,
): Promise<string> {
  const origins = neededOrigins(await allReports(root, table, { jobs }));
  if ([...origins].some(([origin, need]) => need === 'now' && origin.startsWith(`${run}@`)))
    throw new BiphaseError('refused', `An active run begins from a checkpoint of run ${run}.`, {
      next: 'Stop that run first.',
    });
  return withHeldRun(root, run, table, (directory) => putAside(directory, root.runs), jobs);
}
