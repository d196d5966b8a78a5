import { formatCount } from '../../core/numberFormat.ts';
import type { NodeSummary, RunSummary } from '../../protocol/controlApi.ts';
import { newestFirst, startedText } from '../views/runText.ts';

/** A checkpoint as the wizard offers it. */
export interface CheckpointRow {
  run: RunSummary;
  step: number;
  description: string;
}

/** Checkpoints that can be trained on: those on nodes that are there, the newest runs and the latest steps first. */
export function checkpointRows(
  runs: Iterable<RunSummary>,
  nodes: readonly Pick<NodeSummary, 'config'>[],
): CheckpointRow[] {
  const there = new Set(nodes.map(({ config }) => config.name));
  return [...runs]
    .filter((run) => run.onNode && there.has(run.node))
    .sort(newestFirst)
    .flatMap((run) =>
      [...run.checkpoints]
        .sort((a, b) => b - a)
        .map((step) => ({
          run,
          step,
          description: `step ${formatCount(step)} · ${run.node} · ${startedText(run.createdAt)}`,
        })),
    );
}
