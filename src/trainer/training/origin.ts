import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { checkpointFiles, isRunId, runFiles } from '../../protocol/runDirectory.ts';
import { readTrainerState, type TrainerState } from '../checkpoints/checkpointFolder.ts';
import { readTransformersConfig } from '../model/transformersFolder.ts';

/** The checkpoint that `from` names, found and read. */
export interface Origin {
  folder: string;
  state: TrainerState;
  model: ModelConfig;
  /** SHA-256 of its weights. */
  hash: string;
}

/** `<run id>@<step>` below the root, or a folder. */
export function checkpointPath(checkpoint: string, root: string): string {
  const match = /^([^/@]+)@(\d+)$/.exec(checkpoint);
  if (match && isRunId(match[1]))
    return path.join(root, 'runs', match[1], runFiles.checkpoint(Number(match[2])));
  return path.resolve(checkpoint);
}

/** @throws BiphaseError `usage` where there is no complete checkpoint */
export async function readOrigin(checkpoint: string, root: string): Promise<Origin> {
  const folder = checkpointPath(checkpoint, root);
  if (!fs.existsSync(folder))
    throw new BiphaseError('usage', `There is no checkpoint ${checkpoint}: ${folder} does not exist.`);
  const state = readTrainerState(folder);
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(path.join(folder, checkpointFiles.weights)))
    hash.update(chunk as Buffer);
  return { folder, state, model: await readTransformersConfig(folder), hash: hash.digest('hex') };
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
