import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { liveReport } from './liveReport.ts';

/** Reports of all runs under the root for who deletes, as they are now, read one at a time: other calls are answered in between. */
export async function allReports(
  root: NodeRoot,
  table: ProcessTable,
  { jobs, signal }: { jobs?: JobWatch | undefined; signal?: AbortSignal | undefined } = {},
): Promise<RunReport[]> {
  const reports: RunReport[] = [];
  for (const run of root.runIds()) {
    signal?.throwIfAborted();
    const report = liveReport(root, run, table, jobs);
    if (report) reports.push(report);
    await nextTurn();
  }
  return reports;
}
