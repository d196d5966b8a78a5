import type { RunSummary } from '../../src/protocol/controlApi.ts';

/** A vertical line: the step at which something changes in a run. */
export interface PhaseMark {
  run: string;
  step: number;
  label: string;
}

/** Phase switches and the start of the decay of these runs; runs that agree share one mark. */
export function phaseMarks(runs: readonly RunSummary[]): PhaseMark[] {
  const marks = new Map<string, PhaseMark>();
  const add = (run: string, step: number, label: string) => {
    const key = `${step} ${label}`;
    if (!marks.has(key)) marks.set(key, { run, step, label });
  };
  for (const run of runs) {
    for (const [index, phase] of run.phases.entries()) {
      const next = run.phases[index + 1];
      if (next && next.objective !== phase.objective)
        add(run.run, phase.until, `${phase.objective} → ${next.objective}`);
    }
    if (run.decayStart !== undefined) add(run.run, run.decayStart, 'decay');
  }
  return [...marks.values()].sort((a, b) => a.step - b.step);
}
