import type { ResolvedPhase, ResolvedRunFile } from '../protocol/runFile.ts';
import { maskRatioAt, phaseIndexAt, phaseStart, totalSteps } from './phases.ts';
import { learningRateAt } from './schedule.ts';

/**
 * What keeps a branch that leaves a trunk at `step` from being the run that goes straight through: the keys of the run
 * file that made another start. Empty where nothing does. Data are compared elsewhere, by their hash.
 */
export function branchDifferences(branch: ResolvedRunFile, trunk: ResolvedRunFile, step: number): string[] {
  const parts: [key: string, of: (file: ResolvedRunFile) => unknown][] = [
    ['data.column', (file) => file.data.column],
    ['data.tokens', (file) => file.data.tokens],
    ['data.packing', (file) => file.data.packing],
    ['batch.samples', (file) => file.batch.samples],
    ['loss.average', (file) => file.loss.average],
    ['optimizer', (file) => file.optimizer],
    ['seed', (file) => file.seed],
    ['phases', (file) => phasesBefore(file.phases, step)],
  ];
  const keys = parts
    .filter(([, of]) => JSON.stringify(of(branch)) !== JSON.stringify(of(trunk)))
    .map(([key]) => key);
  return sameRatesBefore(step, branch, trunk) ? keys : [...keys, 'schedule'];
}

/** What was trained before a step; neighbours that are alike are one. */
function phasesBefore(phases: readonly ResolvedPhase[], step: number): unknown[] {
  const last = phaseIndexAt(phases, Math.max(0, step - 1));
  const described = phases.slice(0, last + 1).map((phase, index) => {
    const start = phaseStart(phases, index);
    const until = Math.min(phase.until, step);
    const { objective, optimizer } = phase;
    const what: unknown[] = [objective, optimizer === 'fresh' ? start : null];
    if (phase.objective !== 'clm') {
      const ratios = [maskRatioAt(phases, start), maskRatioAt(phases, until - 1)];
      what.push(ratios, ratios[0] === ratios[1] ? null : start, phase.replacement);
    }
    if (phase.objective === 'mixed') what.push(phase.share);
    return { until, what: JSON.stringify(what) };
  });
  return described.filter((phase, index) => phase.what !== described[index + 1]?.what);
}

/** Compared where either schedule turns: between these both are of one formula. */
function sameRatesBefore(step: number, ...files: [ResolvedRunFile, ResolvedRunFile]): boolean {
  const turns = files.flatMap(({ schedule: { warmup, decay }, phases }) => {
    const decayStart = totalSteps(phases) - decay;
    return [0, warmup - 1, warmup, decayStart - 1, decayStart, step - 1];
  });
  const [a, b] = files.map(
    (file) => (s: number) => learningRateAt(file.schedule, s, totalSteps(file.phases)),
  );
  return turns.filter((s) => s >= 0 && s < step).every((s) => a(s) === b(s));
}
