import { isRunId } from '../protocol/runDirectory.ts';

/** `<run id>@<step>` taken apart; undefined for a folder or anything else. */
export function parseCheckpointName(text: string): { run: string; step: number } | undefined {
  const [, run, step] = /^([^/@]+)@(\d+)$/.exec(text) ?? [];
  return run !== undefined && isRunId(run) ? { run, step: Number(step) } : undefined;
}

export function checkpointName(run: string, step: number): string {
  return `${run}@${step}`;
}

/** Where a root keeps a checkpoint of another node, below the root and with slashes. */
export function copiedCheckpoint(run: string, step: number): string {
  return `cache/checkpoints/${checkpointName(run, step)}`;
}
