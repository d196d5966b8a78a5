import { BiphaseError } from '../../core/errors.ts';
import { hasFinished } from '../hasFinished.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import { HeldRuns } from './heldRuns.ts';
import { releaseHeld } from './releaseHeld.ts';
import { type JobWish, submitJob } from './submitJob.ts';

/**
 * Submits the job of a segment as `submitJob` does, held by Slurm until the runs `after` have finished. The last of them
 * releases it as it ends; a node's agent does so where it could not, and control tells of runs of other roots.
 */
export async function submitAfter(after: readonly string[], root: NodeRoot, wish: JobWish): Promise<boolean> {
  const { run, table } = wish;
  const held = new HeldRuns(root);
  const left = after.filter((other) => other !== run && !hasFinished(root, other, table));
  if (left.length > 0) held.hold(run, left);
  // A job of it may be there already, and held.
  else held.strike(run, held.waitsFor(run) ?? []);
  let submitted: boolean;
  try {
    submitted = await submitJob({ ...wish, held: left.length > 0 });
  } catch (thrown) {
    if (thrown instanceof BiphaseError && thrown.kind === 'refused') held.forget(run);
    throw thrown;
  }
  // A run that finished meanwhile found no job to release. Trouble is the agent's next look's.
  if (held.waitsFor(run)) await releaseHeld(root, table);
  return submitted;
}
