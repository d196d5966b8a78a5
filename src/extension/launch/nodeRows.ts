import { checkLaunch } from '../../core/launchCheck.ts';
import type { NodeSummary } from '../../protocol/controlApi.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { nodeDescription } from '../views/nodeText.ts';

/** A node as the wizard offers it. */
export interface NodeRow {
  node: string;
  description: string;
  /** Why it cannot be used as it is. */
  detail?: string;
}

interface Verdict {
  /** 0: known to fit; then not known, does not fit, out of reach or without the checkpoint. */
  rank: number;
  reason?: string;
}

/**
 * The nodes for a run, those where it fits first, each with what speaks against it. `file` is null where the run itself
 * is wrong; the check page says how.
 */
export function nodeRows(
  nodes: readonly NodeSummary[],
  file: ResolvedRunFile | null,
  checkpointNode?: string,
): NodeRow[] {
  return nodes
    .map((node) => ({ node, ...verdict(node, file, checkpointNode) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ node, reason }) => ({
      node: node.config.name,
      description: nodeDescription(node),
      ...(reason === undefined ? {} : { detail: reason }),
    }));
}

function verdict(
  node: NodeSummary,
  file: ResolvedRunFile | null,
  checkpointNode: string | undefined,
): Verdict {
  const { config, connection, message, next, probe } = node;
  if (checkpointNode !== undefined && config.name !== checkpointNode)
    return {
      rank: 3,
      reason: `The checkpoint lies on ${checkpointNode}. Start there, or copy it here first with Download Checkpoint….`,
    };
  // The description says what is wrong.
  if (connection === 'refused') return { rank: 3, ...(next === undefined ? {} : { reason: next }) };
  if (!probe && message !== undefined) return { rank: 3, reason: message };
  if (!probe && config.kind === 'local') return { rank: 0 };
  if (!probe) return { rank: 1, reason: 'Whether it fits is known once the node is connected.' };
  if (!file) return { rank: 0 };
  const context = {
    ...{ node: config.name, setup: [], probe, lastRun: null },
    ...{ noData: null, waits: null, tokensPerSecond: null, slurm: config.slurm },
  };
  const { fits, sentences } = checkLaunch(file, context);
  const reason = sentences.length === 0 ? {} : { reason: sentences.join(' ') };
  return { rank: fits === false ? 2 : 0, ...reason };
}
