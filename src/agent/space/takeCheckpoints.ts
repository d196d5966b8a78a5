import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { allReports } from './allReports.ts';
import { keptAt, neededOrigins, originName } from './checkpointNeeds.ts';
import { withHeldRun } from './heldRun.ts';
import { putAside } from './putAside.ts';

/**
 * Puts checkpoints of an ended run aside: all of `steps`, or none where one of them cannot go. Its newest complete one
 * stays: a run resumes from it. `kept`: also those that the run file or another run's start keeps.
 * @throws BiphaseError `refused` with the reason, `missing`
 */
export async function takeCheckpoints(
  root: NodeRoot,
  { run, steps, kept }: { run: string; steps: readonly number[]; kept: boolean },
  table: ProcessTable,
  jobs?: JobWatch,
): Promise<string[]> {
  const origins = neededOrigins(await allReports(root, table, { jobs }));
  return withHeldRun(
    root,
    run,
    table,
    (directory, report) => {
      const folder = path.join(directory, runFiles.checkpoints);
      if (!isPlainFolder(folder))
        throw new BiphaseError('refused', `${folder} is not a folder of the run; nothing in it is deleted.`);
      const at = keptAt(report.spec);
      const places = [...new Set(steps)].map((step) => {
        const place = path.join(directory, runFiles.checkpoint(step));
        if (!isPlainFolder(place))
          throw new BiphaseError('missing', `Run ${run} has no checkpoint of step ${step}.`);
        const name = `The checkpoint of step ${step} of run ${run}`;
        if (step === report.checkpoints.at(-1))
          throw new BiphaseError('refused', `${name} is its last; it goes only with the whole run.`);
        const need = origins.get(originName(run, step));
        if (need === 'now')
          throw new BiphaseError('refused', `${name} is what an active run begins from.`, {
            next: 'Stop that run first.',
          });
        if (!kept && at.includes(step))
          throw new BiphaseError('refused', `${name} is kept by its run file (checkpoints.at).`);
        if (!kept && need)
          throw new BiphaseError('refused', `${name} is what another run begins from when it is resumed.`);
        return place;
      });
      return places.map((place) => {
        // First it stops being complete, so that nobody reads on in it as it goes.
        fs.rmSync(path.join(place, checkpointFiles.done), { force: true });
        return putAside(place, root.runs);
      });
    },
    jobs,
  );
}
