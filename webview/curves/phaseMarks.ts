import type { CurvePoint } from '../../src/core/liveSeries.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';

/** A vertical line: the step at which something changes in a run. */
export interface PhaseMark {
  run: string;
  /** The run's name. */
  name: string;
  step: number;
  label: string;
}

/** Phase switches and the start of the decay of each of these runs, as far as it has come. */
export function phaseMarks(
  runs: readonly Pick<RunSummary, 'run' | 'name' | 'phases' | 'decayStart' | 'step'>[],
): PhaseMark[] {
  const marks: PhaseMark[] = [];
  for (const { run, name, phases, decayStart, step } of runs) {
    for (const [index, phase] of phases.entries()) {
      const next = phases[index + 1];
      if (next && next.objective !== phase.objective && phase.until <= step)
        marks.push({ run, name, step: phase.until, label: `${phase.objective} → ${next.objective}` });
    }
    if (decayStart !== undefined && decayStart <= step)
      marks.push({ run, name, step: decayStart, label: 'decay' });
  }
  return marks;
}

/** Where other runs of these went on from a checkpoint of one of them: the marked run is the one they left. */
export function branchMarks(runs: readonly Pick<RunSummary, 'run' | 'name' | 'parent'>[]): PhaseMark[] {
  const names = new Map(runs.map(({ run, name }) => [run, name]));
  return runs.flatMap(({ parent }) => {
    const [, run, step] = /^(.+)@(\d+)$/.exec(parent ?? '') ?? [];
    const name = names.get(run ?? '');
    return run === undefined || name === undefined
      ? []
      : [{ run, name, step: Number(step), label: 'branch' }];
  });
}

/** Where a run went on after an interruption: the first point of each later segment. */
export function resumeMarks(run: string, name: string, points: readonly CurvePoint[]): PhaseMark[] {
  return points.flatMap(({ step, segment }, index) => {
    const before = points[index - 1];
    return before && before.segment !== segment ? [{ run, name, step, label: 'resumed' }] : [];
  });
}
