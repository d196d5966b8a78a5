import { createHash } from 'node:crypto';
import { toBiphaseError } from '../../core/errors.ts';
import type { QueueWish } from '../../protocol/queue.ts';
import type { Spec } from '../../protocol/runDirectory.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import { sendLaunch } from './sendLaunch.ts';

export interface BatchRun {
  spec: Spec;
  wish: QueueWish;
}

export interface FailedLaunch {
  run: string;
  message: string;
}

/** Slurm takes no longer arrays by default (MaxArraySize). */
const longestArray = 1000;

/**
 * Gives many runs to one node: into its queue one by one, or to Slurm as job arrays. `prepare` makes a run ready to be
 * sent. What fails is answered; the others go on.
 */
export async function sendBatch<T extends { run: string }>(
  node: ManagedNode,
  runs: readonly T[],
  prepare: (run: T) => Promise<BatchRun>,
): Promise<FailedLaunch[]> {
  const failed: FailedLaunch[] = [];
  const attempt = async <R>(names: readonly string[], work: () => Promise<R>): Promise<R | undefined> => {
    try {
      return await work();
    } catch (thrown) {
      const { message, next } = toBiphaseError(thrown);
      const sentence = next === undefined ? message : `${message} ${next}`;
      failed.push(...names.map((run) => ({ run, message: sentence })));
      return undefined;
    }
  };
  const specs: Spec[] = [];
  for (const run of runs) {
    await attempt([run.run], async () => {
      const { spec, wish } = await prepare(run);
      // All of an array wait for the same; a run that waits for another is a job of its own.
      if (node.config.slurm && wish.after.length === 0) specs.push(spec);
      else await sendLaunch(node, await node.use(), spec, wish, { batch: true });
    });
  }
  for (let start = 0; start < specs.length; start += longestArray) {
    const part = specs.slice(start, start + longestArray);
    const ids = part.map(({ id }) => id);
    await attempt(ids, () => sendArray(node, part));
  }
  return failed;
}

/** Its name comes from its runs: sent again it is the same array. */
async function sendArray(node: ManagedNode, specs: Spec[]): Promise<void> {
  const { environment = {}, setup = [], slurm = {} } = node.config;
  const array = createHash('sha256')
    .update(specs.map(({ id }) => id).join())
    .digest('hex')
    .slice(0, 16);
  const link = await node.use();
  await link.call('launchArray', { array, specs, slurm, environment, setup });
}
