import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { copiedCheckpoint, parseCheckpointName } from '../../core/checkpointName.ts';
import { BiphaseError } from '../../core/errors.ts';
import { homePath } from '../../core/homePath.ts';
import type { NamedParent } from '../../core/runNames.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import { readTrainerState, type TrainerState } from '../checkpoints/checkpointFolder.ts';
import { readTransformersConfig } from '../model/transformersFolder.ts';
import { WeightFolder, weightFiles } from '../model/weightFolder.ts';

/** The checkpoint that `from` names, found and read. */
export interface Origin {
  folder: string;
  /** Null: a model as `transformers` keeps it, which no trainer of ours wrote. */
  state: TrainerState | null;
  model: ModelConfig;
  /** SHA-256 of its weights. */
  hash: string;
}

/** `<run id>@<step>` below the root, where the run made it or where a copy from another node is; or a folder. */
export function checkpointPath(checkpoint: string, root: string): string {
  const named = parseCheckpointName(checkpoint);
  if (named) {
    const { run, step } = named;
    const own = path.join(root, 'runs', run, runFiles.checkpoint(step));
    const copy = path.join(root, ...copiedCheckpoint(run, step).split('/'));
    const isWhole = (folder: string): boolean => fs.existsSync(path.join(folder, checkpointFiles.done));
    return !isWhole(own) && isWhole(copy) ? copy : own;
  }
  return path.resolve(homePath(checkpoint, os.homedir()));
}

/** A folder without the trainer's files, as opposed to a checkpoint that was not completed. */
function isPlainFolder(folder: string): boolean {
  const has = (name: string): boolean => fs.existsSync(path.join(folder, name));
  return has(checkpointFiles.config) && !has(checkpointFiles.trainer) && !has(checkpointFiles.done);
}

/** @throws BiphaseError `usage` where there is nothing; `missing` or `damaged` where it is not complete */
export async function readOrigin(checkpoint: string, root: string): Promise<Origin> {
  const folder = checkpointPath(checkpoint, root);
  if (!fs.existsSync(folder))
    throw new BiphaseError('usage', `There is no checkpoint ${checkpoint}: ${folder} does not exist.`);
  const state = isPlainFolder(folder) ? null : readTrainerState(folder);
  const model = await readTransformersConfig(folder);
  // Refused before any data is prepared where a tensor is absent or of another shape.
  await (await WeightFolder.open(folder, model)).close();
  const hash = createHash('sha256');
  for (const name of await weightFiles(folder))
    for await (const chunk of fs.createReadStream(path.join(folder, name))) hash.update(chunk as Buffer);
  return { folder, state, model, hash: hash.digest('hex') };
}

/** What the name of a run tells of the checkpoint that it starts from. */
export function namedParent({ folder, state }: Origin): NamedParent {
  if (!state) return { name: path.basename(folder), steps: null, step: 0, decayed: false };
  const { name, lineageSteps, step, decayed } = state;
  return { name, steps: lineageSteps, step, decayed };
}

/** Keys of the shape in which a run and the checkpoint that it starts from must agree. */
const shapeKeys = [
  'hiddenSize',
  'layers',
  'heads',
  'kvHeads',
  'headDim',
  'intermediateSize',
  'vocabSize',
  'tieEmbeddings',
  'ropeTheta',
  'normEps',
] as const;

/** @throws BiphaseError `usage` naming the first key that differs */
export function checkSameShape(run: ModelConfig, origin: Origin): void {
  for (const key of shapeKeys) {
    if (run[key] !== origin.model[key])
      throw new BiphaseError(
        'usage',
        `The model does not fit its checkpoint: ${key} is ${run[key]} in the run file and ${origin.model[key]} in ${origin.folder}.`,
      );
  }
}
