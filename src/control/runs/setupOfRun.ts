import { createHash } from 'node:crypto';
import { parseCheckpointName } from '../../core/checkpointName.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';

/** The run file of another run; nothing where it is not known. */
export type FindFile = (run: string) => ResolvedRunFile | null | undefined;

const hashLength = 12;
/** Lineages are short; a file that names itself must not go on for ever. */
const longestLineage = 64;

/**
 * Short hash of everything that makes a run's experiment but its seed: equal for runs that repeat one setup. Left out
 * are the seed, names, the format's version, and how it is computed (engine, precision, threads, and the micro-batch
 * unless the loss is averaged over micro-batches): the numbers of a run do not depend on them. A checkpoint counts as
 * the setup of the run that made it and its step, where `find` knows that run: so branches of two seeds are repeats too.
 */
export function setupOfRun(file: ResolvedRunFile, find: FindFile): string {
  return setupWithin(file, find, longestLineage);
}

function setupWithin(file: ResolvedRunFile, find: FindFile, depth: number): string {
  const {
    schema: _schema,
    name: _name,
    modelName: _modelName,
    seed: _seed,
    engine,
    from,
    ...experiment
  } = file;
  const start = from && { ...from, checkpoint: checkpointText(from.checkpoint, find, depth) };
  const microBatch = file.loss.average === 'microbatch' ? engine.microBatch : null;
  return createHash('sha256')
    .update(canonical({ ...experiment, from: start, microBatch }))
    .digest('hex')
    .slice(0, hashLength);
}

function checkpointText(checkpoint: string, find: FindFile, depth: number): string {
  const parent = parseCheckpointName(checkpoint);
  const file = parent && depth > 0 ? find(parent.run) : undefined;
  return parent && file ? `setup ${setupWithin(file, find, depth - 1)}@${parent.step}` : checkpoint;
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
