import { toBiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { AgentLink } from '../nodes/agentLink.ts';

/** One sentence where `data.source` names a file or folder of the node that is not there; null where it may be. */
export async function whyNoData(source: string, node: string, link: AgentLink): Promise<string | null> {
  if (/^(world|hub:|local:)/.test(source)) return null;
  try {
    await link.call('list', { path: source });
    return null;
  } catch (thrown) {
    // `usage`: it is a file.
    if (toBiphaseError(thrown).kind !== 'missing') return null;
    return `${node} has no ${printable(source)}. Correct "data.source", or put the text there.`;
  }
}
