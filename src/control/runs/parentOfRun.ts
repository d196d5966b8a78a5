import { totalSteps } from '../../core/phases.ts';
import type { NamedParent } from '../../core/runNames.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';

/** A run as far as its children's names tell it. */
export interface NamedRun {
  name: string;
  file: ResolvedRunFile;
}

/** Lineages are short; a file that names itself must not go on for ever. */
const longestLineage = 64;

/**
 * The checkpoint that `from` names, as a run's name tells it, from the runs that control knows: so that a run is called
 * the same from its launch on as by the trainer, which reads the checkpoint itself. Null where it is not known.
 */
export function parentOfRun(
  checkpoint: string,
  find: (run: string) => NamedRun | undefined,
): NamedParent | null {
  const [, run, digits] = /^([^/@]+)@(\d+)$/.exec(checkpoint) ?? [];
  const known = run === undefined ? undefined : find(run);
  if (!known) return null;
  const step = Number(digits);
  const { name, file } = known;
  return {
    name,
    step,
    steps: step + stepsBefore(file, find, longestLineage),
    decayed: file.schedule.decay > 0 && step === totalSteps(file.phases),
  };
}

/** Updates since random weights that a run's step 0 already has. */
function stepsBefore(
  file: ResolvedRunFile,
  find: (run: string) => NamedRun | undefined,
  depth: number,
): number {
  const { from } = file;
  if (!from || from.schedule === 'continue' || depth === 0) return 0;
  const [, run, digits] = /^([^/@]+)@(\d+)$/.exec(from.checkpoint) ?? [];
  const parent = run === undefined ? undefined : find(run);
  return parent ? Number(digits) + stepsBefore(parent.file, find, depth - 1) : 0;
}
