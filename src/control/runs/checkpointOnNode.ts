import { copiedCheckpoint, parseCheckpointName } from '../../core/checkpointName.ts';
import { toBiphaseError } from '../../core/errors.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import type { AgentLink } from '../nodes/agentLink.ts';

/** One sentence where `from.checkpoint` names a checkpoint that the node does not have; null where it may have it. */
export async function whyNoCheckpoint(
  checkpoint: string,
  node: string,
  link: AgentLink,
): Promise<string | null> {
  const named = parseCheckpointName(checkpoint);
  if (!named) return null;
  const { run, step } = named;
  for (const place of [`runs/${run}/${runFiles.checkpoint(step)}`, copiedCheckpoint(run, step)]) {
    try {
      await link.call('list', { path: `${link.hello.root}/${place}` });
      return null;
    } catch (thrown) {
      if (toBiphaseError(thrown).kind !== 'missing') return null;
    }
  }
  return `${node} does not have the checkpoint ${checkpoint}. Copy it there with Download Checkpoint… or "biphase checkpoint copy ${checkpoint} --to-node", or choose the node that it lies on.`;
}
