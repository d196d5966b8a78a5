import { z } from 'zod';
import { isActive } from '../../core/runState.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import { isRunId, type Spec } from '../../protocol/runDirectory.ts';

/** Of a run file as it was written: only what is asked here, whatever else may be wrong with it. */
const keptAtSchema = z.looseObject({ checkpoints: z.looseObject({ at: z.array(z.number()) }) });
const originSchema = z.looseObject({ from: z.looseObject({ checkpoint: z.string() }) });

export type OriginNeed = 'now' | 'resume';

/** Steps whose checkpoints the run file keeps. */
export function keptAt(spec: Spec | null): readonly number[] {
  return keptAtSchema.safeParse(spec?.file).data?.checkpoints.at ?? [];
}

/**
 * Checkpoints that other runs begin from and have not left behind by one of their own, as `<run>@<step>`: `now` where
 * the run is active, `resume` where it has ended before its end.
 */
export function neededOrigins(
  reports: readonly Pick<RunReport, 'state' | 'spec' | 'checkpoints'>[],
): Map<string, OriginNeed> {
  const needed = new Map<string, OriginNeed>();
  for (const { state, spec, checkpoints } of reports) {
    const origin = originSchema.safeParse(spec?.file).data?.from.checkpoint;
    if (origin === undefined || checkpoints.length > 0 || state === 'finished') continue;
    const [, run, digits] = /^([^/@]+)@(\d+)$/.exec(origin) ?? [];
    if (run === undefined || !isRunId(run)) continue;
    const name = originName(run, Number(digits));
    if (isActive(state)) needed.set(name, 'now');
    else if (!needed.has(name)) needed.set(name, 'resume');
  }
  return needed;
}

export function originName(run: string, step: number): string {
  return `${run}@${step}`;
}
