import type { ResolvedPhase } from '../protocol/runFile.ts';

/** Updates of a whole run: where its last phase ends. */
export function totalSteps(phases: readonly { until: number }[]): number {
  return phases.at(-1)?.until ?? 0;
}

/** Index of the phase that the update at `step` (from 0) belongs to; the last one beyond the end. */
export function phaseIndexAt(phases: readonly { until: number }[], step: number): number {
  const index = phases.findIndex((phase) => step < phase.until);
  return index < 0 ? phases.length - 1 : index;
}

/** First step of a phase. */
export function phaseStart(phases: readonly { until: number }[], index: number): number {
  return index === 0 ? 0 : phases[index - 1].until;
}

/** Share of the tokens chosen at `step`, linear over the phase from its first to its last update; 0 for clm. */
export function maskRatioAt(phases: readonly ResolvedPhase[], step: number): number {
  const index = phaseIndexAt(phases, step);
  const phase = phases[index];
  if (phase.objective === 'clm') return 0;
  const [from, to] = phase.maskRatio;
  const start = phaseStart(phases, index);
  const last = phase.until - 1 - start;
  const position = last <= 0 ? 0 : Math.min(1, Math.max(0, (step - start) / last));
  return from + (to - from) * position;
}
