import type { NodeRoot } from './nodeRoot.ts';
import type { ProcessTable } from './processTable.ts';
import { readRunReport } from './runReport.ts';

/** Whether a run of this root has finished; of one of another root, or that cannot be read, that is not known: false. */
export function hasFinished(root: NodeRoot, run: string, table: ProcessTable): boolean {
  try {
    return readRunReport(root, run, table)?.state === 'finished';
  } catch {
    return false;
  }
}
