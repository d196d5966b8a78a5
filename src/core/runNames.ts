import { phaseStart, totalSteps } from './phases.ts';

/** What a name needs of a phase, as written or resolved. */
export interface NamedPhase {
  objective: 'clm' | 'mlm' | 'mixed';
  until: number;
  maskRatio?: number | readonly [number, number] | undefined;
  share?: { clm: number; mlm: number } | undefined;
}

/** The checkpoint that a run starts from, as far as its name tells it. */
export interface NamedParent {
  /** Name of the run that made it. */
  name: string;
  /** Updates since random weights; null: not known, as of a folder without trainer state. */
  steps: number | null;
  /** Updates of the run that made it. */
  step: number;
  /** Its learning rate had fallen to 0. */
  decayed: boolean;
}

/** 42000 → "42k", 1500 → "1.5k", 600 → "600". */
export function stepsName(steps: number): string {
  if (steps >= 1000 && steps % 100 === 0) return `${steps / 1000}k`;
  return String(steps);
}

function percent(ratio: number): string {
  return String(Math.round(ratio * 1000) / 10);
}

/** "mlm40": MLM that chooses this share of the tokens. */
export function maskRatioName(ratio: number): string {
  return `mlm${percent(ratio)}`;
}

/** "clm", "mlm40", "mlm50to10", "mixed25" (share of CLM in percent). */
export function objectiveName(phase: NamedPhase): string {
  if (phase.objective === 'clm') return 'clm';
  if (phase.objective === 'mixed') return `mixed${percent(phase.share?.clm ?? 0.5)}`;
  const ratio = phase.maskRatio ?? 0.4;
  const [from, to] = typeof ratio === 'number' ? [ratio, ratio] : ratio;
  return from === to ? maskRatioName(from) : `${maskRatioName(from)}to${percent(to)}`;
}

/**
 * The paper's names: `size-objective-steps`; `size-obj1-steps1-obj2-TOTAL` for phases; `dec` before the steps of a
 * decayed checkpoint that the run starts from: `610m-clm-10k-mlm40-42k`, `610m-clm-dec42k-mlm40-54k`.
 * `continued`: the phases' steps count on from the parent's instead of from 0.
 */
export function deriveName(
  model: string,
  phases: readonly NamedPhase[],
  parent: NamedParent | null = null,
  continued = false,
): string {
  const named = (offset: number) => (phase: NamedPhase) =>
    `${objectiveName(phase)}-${stepsName(phase.until + offset)}`;
  // A branch of a run from random weights is called as that run would be that had gone straight through.
  if (!parent || (continued && parent.steps === parent.step))
    return `${model}-${phases.map(named(0)).join('-')}`;
  const { steps } = parent;
  if (steps === null) return `${parent.name}-${phases.map(named(0)).join('-')}`;
  const base = parent.name.replace(/-(?:dec)?[\d.]+k?$/, '');
  const start = `${base}-${parent.decayed ? 'dec' : ''}${stepsName(steps)}`;
  const rest = phases.filter(
    (phase, index) => !continued || phase.until > parent.step || index === phases.length - 1,
  );
  return `${start}-${rest.map(named(continued ? steps - parent.step : steps)).join('-')}`;
}

/** Tokens that a run will have seen at its end, in the mean over random sizes. */
export function plannedTokens(
  phases: readonly { until: number }[],
  batchSamples: number,
  packing: { length: number; sizes: 'random' | 'fixed' },
): number {
  return (
    totalSteps(phases) * batchSamples * (packing.sizes === 'random' ? packing.length / 2 : packing.length)
  );
}

/** Steps of each phase, for bars and tables. */
export function phaseLengths(phases: readonly { until: number }[]): number[] {
  return phases.map((phase, index) => phase.until - phaseStart(phases, index));
}
