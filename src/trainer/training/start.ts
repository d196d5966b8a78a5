import fs from 'node:fs';
import path from 'node:path';
import { branchDifferences } from '../../core/branchDifferences.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { totalSteps } from '../../core/phases.ts';
import type { ResolveContext } from '../../core/resolveRunFile.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile, RunFile } from '../../protocol/runFile.ts';
import {
  completeCheckpoints,
  readCheckpoint,
  readTrainerState,
  type TrainerState,
} from '../checkpoints/checkpointFolder.ts';
import type { PreparedData } from '../data/prepareData.ts';
import type { PretrainingModel } from '../model/pretrainingModel.ts';
import { checkSameShape, namedParent, type Origin, readOrigin } from './origin.ts';
import { begunSegments } from './segments.ts';
import type { TrainingState } from './trainingLoop.ts';

/** What a segment begins with: random weights, another run's checkpoint, or the last one of the run itself. */
export type Start =
  | { kind: 'random' }
  | { kind: 'from'; origin: Origin }
  | { kind: 'resume'; folder: string; state: TrainerState };

/**
 * A run that has a checkpoint of its own needs the one that it came from no more: that may be gone by now.
 * @throws BiphaseError `usage`, `missing`, `damaged`
 */
export async function findStart(
  written: RunFile,
  options: { runFolder: string; root: string; resume: boolean },
): Promise<Start> {
  const last = options.resume ? completeCheckpoints(options.runFolder).at(-1) : undefined;
  if (last !== undefined) {
    const folder = path.join(options.runFolder, runFiles.checkpoint(last));
    return { kind: 'resume', folder, state: await ofOwnCheckpoint(folder, () => ownState(folder, last)) };
  }
  if (!written.from) return { kind: 'random' };
  return { kind: 'from', origin: await readOrigin(written.from.checkpoint, options.root) };
}

function ownState(folder: string, step: number): TrainerState {
  const state = readTrainerState(folder);
  if (state.step !== step)
    throw new BiphaseError('damaged', `Its ${checkpointFiles.trainer} is of step ${state.step}.`);
  return state;
}

/** A run whose last checkpoint is damaged can go on from the one before: that is for a person to decide. */
async function ofOwnCheckpoint<T>(folder: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const { kind, message } = toBiphaseError(cause);
    if (kind !== 'damaged' && kind !== 'missing') throw cause;
    throw new BiphaseError(
      'damaged',
      `${folder} is damaged; move it away to resume from the checkpoint before it. ${message}`,
      { cause },
    );
  }
}

/** The run file and what resolving it needs to know of the start. */
export function resolvable(written: RunFile, start: Start): [file: RunFile, context: ResolveContext] {
  if (start.kind === 'resume') return [{ ...written, name: start.state.name }, {}];
  return [written, start.kind === 'from' ? { parent: namedParent(start.origin) } : {}];
}

/** The tokenizer.json that `data.tokenizer: checkpoint` means. @throws BiphaseError `usage` */
export function checkpointTokenizer(start: Start): string {
  if (start.kind === 'random')
    throw new BiphaseError('usage', '"data.tokenizer" is "checkpoint", but the run file has no "from".');
  const folder = start.kind === 'from' ? start.origin.folder : start.folder;
  return path.join(folder, checkpointFiles.tokenizer);
}

/** @throws BiphaseError `usage` where the run cannot go on from its start with these data */
export function checkStart(start: Start, file: ResolvedRunFile, data: PreparedData): void {
  if (start.kind === 'from') checkOrigin(start.origin, file, data);
  if (start.kind !== 'resume') return;
  const { tokenizerHash, trainHash } = start.state;
  if (tokenizerHash !== data.tokenizer.hash || trainHash !== data.meta.trainHash)
    throw new BiphaseError(
      'usage',
      `The data of ${file.data.source} are not those that this run began with.`,
      {
        next: 'Restore the corpus, or continue from the checkpoint in a new run.',
      },
    );
}

function checkOrigin(origin: Origin, file: ResolvedRunFile, data: PreparedData): void {
  const { folder, state } = origin;
  checkSameShape(file.model, origin);
  if (state && state.tokenizerHash !== data.tokenizer.hash)
    throw new BiphaseError('usage', `The tokenizer is not the one of the checkpoint ${folder}.`);
  if (file.from?.schedule !== 'continue') return;
  if (!state)
    throw new BiphaseError(
      'usage',
      `${folder} has no trainer state, so there are no steps to continue: use schedule: restart.`,
    );
  if (totalSteps(file.phases) <= state.step)
    throw new BiphaseError(
      'usage',
      `The checkpoint is at step ${state.step}, but the last phase ends at ${totalSteps(file.phases)}; with schedule: continue steps count on.`,
    );
}

/**
 * Why a branch is not, bit for bit, the run that goes straight through; undefined where it is, as far as the trunk's own
 * files tell.
 */
export function whyNotStraight(start: Start, file: ResolvedRunFile, data: PreparedData): string | undefined {
  if (start.kind !== 'from' || file.from?.schedule !== 'continue' || !start.origin.state) return undefined;
  const { folder, state } = start.origin;
  const keys: string[] = [];
  if (file.from.optimizer === 'fresh') keys.push('from.optimizer');
  if (file.from.data === 'restart') keys.push('from.data');
  try {
    const trunk = newestResolved(path.join(folder, '../..'));
    if (trunk && trunk.data?.corpusHash !== data.corpusHash) keys.push('data.source');
    if (trunk?.file) keys.push(...branchDifferences(file, trunk.file, state.step));
  } catch {
    // A file of another version tells nothing.
  }
  return keys.length === 0
    ? undefined
    : `Not the bits of one run straight through: it would have had another start (${keys.join(', ')}).`;
}

/** Where training begins. */
export function firstState(start: Start, file: ResolvedRunFile): TrainingState {
  if (start.kind === 'resume') {
    const { step, tokens, samples, elapsed, optimizerStep, validationPending } = start.state;
    return { step, tokens, samples, elapsed, optimizerStep, validationPending };
  }
  const zero = { step: 0, tokens: 0, samples: 0, elapsed: 0, optimizerStep: 0, validationPending: false };
  if (start.kind === 'random' || !file.from) return zero;
  const { state } = start.origin;
  const { optimizer, schedule, data } = file.from;
  return {
    ...zero,
    ...(state && schedule === 'continue' ? { step: state.step, tokens: state.tokens } : {}),
    samples: state && data === 'continue' ? state.samples : 0,
    optimizerStep: state && optimizer === 'keep' ? state.optimizerStep : 0,
    // The curve begins with a point, whatever step it begins at.
    validationPending: true,
  };
}

/** Fills weights and moments with what training begins with. */
export async function fillModel(model: PretrainingModel, start: Start, file: ResolvedRunFile): Promise<void> {
  if (start.kind === 'resume') {
    const { folder } = start;
    await ofOwnCheckpoint(folder, () => readCheckpoint(folder, model, { optimizer: true }));
    return;
  }
  await model.initialize(file.seed);
  if (start.kind === 'random') return;
  const { folder, state } = start.origin;
  await readCheckpoint(folder, model, { optimizer: state !== null && file.from?.optimizer === 'keep' });
}

/** Updates that the lineage had before step 0 of this run. */
export function lineageBefore(start: Start, file: ResolvedRunFile): number {
  if (start.kind === 'resume') return start.state.lineageSteps - start.state.step;
  const state = start.kind === 'from' ? start.origin.state : null;
  if (!state) return 0;
  return state.lineageSteps - (file.from?.schedule === 'continue' ? state.step : 0);
}

/** Where the run came from, for `resolved-<segment>.json`; a resumed run has it from the segment before. */
export function originRecord(start: Start, runFolder: string): unknown {
  if (start.kind === 'random') return null;
  if (start.kind === 'from') {
    const { folder, state, hash } = start.origin;
    return { folder, run: state?.run ?? null, step: state?.step ?? null, weightsHash: hash };
  }
  return newestResolved(runFolder)?.from ?? null;
}

/** `resolved-<n>.json` of the segment that began last; null where there is none that can be read. */
function newestResolved(
  runFolder: string,
): { file?: ResolvedRunFile; data?: { corpusHash?: string }; from?: unknown } | null {
  try {
    const last = begunSegments(runFolder).at(-1);
    if (last === undefined) return null;
    return JSON.parse(fs.readFileSync(path.join(runFolder, runFiles.resolved(last)), 'utf8'));
  } catch {
    return null;
  }
}
