import type { NodeSummary, RunSummary } from '../../protocol/controlApi.ts';

export interface DiagnosticsParts {
  versions: Record<string, string>;
  nodes: readonly NodeSummary[];
  runs: readonly RunSummary[];
  /** Words that must not leave this machine: home folder, user name. */
  secretWords: readonly string[];
}

/** What a report of a problem needs, without hosts, users, folders and names of runs. */
export function diagnosticsText({ versions, nodes, runs, secretWords }: DiagnosticsParts): string {
  const hidden = [
    ...secretWords,
    ...nodes.flatMap(({ config }) =>
      [config.host, config.user, config.identityFile, config.root, config.nodePath].concat(
        config.kind === 'ssh' ? [config.name] : [],
      ),
    ),
    ...runs.flatMap((run) => [run.name, run.launchedName]),
  ].filter((word): word is string => word !== undefined && word.length > 1);
  const states: Record<string, number> = {};
  for (const run of runs) states[run.state] = (states[run.state] ?? 0) + 1;
  const report = {
    versions,
    nodes: nodes.map(({ config, connection, message, probe, runningRuns }, index) => ({
      node: index,
      kind: config.kind,
      connection,
      message,
      runningRuns,
      cores: probe?.cores,
      memoryTotalBytes: probe?.memoryTotalBytes,
      gpus: probe?.gpus.map((gpu) => gpu.name),
      warnings: probe?.warnings,
    })),
    runs: states,
    failures: runs
      .filter((run) => run.state === 'failed' && run.reason)
      .slice(0, 5)
      .map((run) => run.reason),
  };
  // Longest first, so that a name inside a path does not leave the rest of the path.
  return hidden
    .sort((a, b) => b.length - a.length)
    .reduce(
      (text, word) => text.replaceAll(JSON.stringify(word).slice(1, -1), '[hidden]'),
      JSON.stringify(report, null, 2),
    );
}
