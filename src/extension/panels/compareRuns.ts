import type { CompareRun } from '../../protocol/comparePage.ts';
import type { NodeSummary, RunSummary } from '../../protocol/controlApi.ts';

/** A run's checkpoint as `parent` names it. */
function parentRun({ parent }: RunSummary): string | null {
  return parent === null ? null : (/^([^/@]+)@\d+$/.exec(parent)?.[1] ?? null);
}

/** The runs that started from checkpoints of each run. */
export function childrenOfRuns(all: Iterable<RunSummary>): Map<string, CompareRun['children']> {
  const children = new Map<string, CompareRun['children']>();
  for (const summary of all) {
    const parent = parentRun(summary);
    if (parent === null) continue;
    const list = children.get(parent) ?? [];
    children.set(parent, list);
    list.push({ run: summary.run, name: summary.name, step: Number(/@(\d+)$/.exec(summary.parent!)![1]) });
  }
  return children;
}

/** What the compare page shows of a run. */
export function compareRunOf(
  summary: RunSummary,
  nodes: readonly NodeSummary[],
  children: ReadonlyMap<string, CompareRun['children']>,
  nameOf: (run: string) => string | undefined,
): CompareRun {
  const { run, name, node, state, createdAt, step, totalSteps, tokens, phases } = summary;
  const { flopsPerToken, seed, setup, parent, decayStart } = summary;
  const place = nodes.find(({ config }) => config.name === node);
  const from = parentRun(summary);
  return {
    ...{ run, name, node, state, createdAt, step, totalSteps, tokens, phases, flopsPerToken, seed, setup },
    decayStart,
    cores: place?.config.slurm ? (place.config.slurm.cpus ?? null) : (place?.probe?.cores ?? null),
    gpus: gpusHeld(place),
    parent: parent === null ? null : { checkpoint: parent, name: (from && nameOf(from)) || null },
    children: children.get(run) ?? [],
  };
}

/** With slots on a node that has GPUs a run has one of them to itself; Slurm gives what its options ask for. */
function gpusHeld(place: NodeSummary | undefined): number | null {
  if (place?.config.slurm) {
    const asked = /^gpu(?::[^:,]+)??(?::(\d+))?$/.exec(place.config.slurm.gres ?? '');
    return asked ? Number(asked[1] ?? 1) : null;
  }
  if (!place?.probe) return null;
  return place.config.slots !== undefined && place.probe.gpus.length > 0 ? 1 : 0;
}
