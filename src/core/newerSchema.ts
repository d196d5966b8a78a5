import { schemaVersion } from '../protocol/runFile.ts';
import { BiphaseError } from './errors.ts';

/** One sentence on a run that this version must not write to; undefined where it may. */
export function whyOnlyShown(spec: { schema: number } | null): string | undefined {
  return spec && spec.schema > schemaVersion
    ? 'A newer Biphase made this run; this version only shows it.'
    : undefined;
}

/** @throws BiphaseError `refused` for a run of a newer version */
export function refuseNewer(spec: { schema: number }): void {
  const why = whyOnlyShown(spec);
  if (why) throw new BiphaseError('refused', why, { next: 'Update Biphase first.' });
}
