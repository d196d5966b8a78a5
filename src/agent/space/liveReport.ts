import { isActive } from '../../core/runState.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { readRunReport } from '../runReport.ts';
import { jobOfRun } from '../slurm/endJob.ts';
import type { CurrentJob } from '../slurm/jobRecord.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';

/**
 * A run's report for who deletes: where Slurm has not said that its job is over, the run is queued, whatever its files
 * say. Slurm may start a job again that has ended, and need not answer. Null where its directory is gone.
 */
export function liveReport(
  root: NodeRoot,
  run: string,
  table: ProcessTable,
  jobs: JobWatch | undefined,
): RunReport | null {
  const report = readRunReport(root, run, table, { jobs });
  if (!report || isActive(report.state)) return report;
  return mayHaveJob(root.runDirectory(run), run, jobs) ? { ...report, state: 'queued' } : report;
}

/** Whether a run has a job of which Slurm has not said that it is over. */
export function mayHaveJob(directory: string, run: string, jobs: JobWatch | undefined): boolean {
  const job = jobOfRun(directory);
  return job !== null && !jobs?.isOver(run, job);
}

/** Asks Slurm, once, for all jobs that runs under the root may have. */
export async function askForJobs(root: NodeRoot, jobs: JobWatch): Promise<void> {
  const asked = new Map<string, CurrentJob>();
  for (const run of root.runIds()) {
    const job = jobOfRun(root.runDirectory(run));
    if (job) asked.set(run, job);
  }
  if (asked.size > 0) await jobs.look(asked);
}
