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
  /** Updates since random weights. */
  steps: number;
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

/** "clm", "mlm40", "mlm50to10", "mixed25" (share of CLM in percent). */
export function objectiveName(phase: NamedPhase): string {
  if (phase.objective === 'clm') return 'clm';
  if (phase.objective === 'mixed') return `mixed${percent(phase.share?.clm ?? 0.5)}`;
  const ratio = phase.maskRatio ?? 0.4;
  if (typeof ratio === 'number') return `mlm${percent(ratio)}`;
  return ratio[0] === ratio[1] ? `mlm${percent(ratio[0])}` : `mlm${percent(ratio[0])}to${percent(ratio[1])}`;
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
  if (!parent) return `${model}-${phases.map((p) => `${objectiveName(p)}-${stepsName(p.until)}`).join('-')}`;
  const base = parent.name.replace(/-(?:dec)?[\d.]+k?$/, '');
  const start = `${base}-${parent.decayed ? 'dec' : ''}${stepsName(parent.steps)}`;
  const offset = continued ? 0 : parent.steps;
  const rest = phases
    .filter((phase, index) => !continued || phase.until > parent.steps || index === phases.length - 1)
    .map((phase) => `${objectiveName(phase)}-${stepsName(phase.until + offset)}`);
  return `${start}-${rest.join('-')}`;
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
