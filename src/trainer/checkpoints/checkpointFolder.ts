import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { BiphaseError } from '../../core/errors.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import type { ParameterKind, PretrainingModel } from '../model/pretrainingModel.ts';
import { elementsOf, piecesOf, SafetensorsFile, writeSafetensorsFile } from '../model/safetensorsFile.ts';
import { readTransformersWeights, writeTransformersFolder } from '../model/transformersFolder.ts';
import { transformersTokenizerConfig } from './tokenizerConfig.ts';

/** `trainer.json`: where the run stood. Weights, moments and this are all that a resume needs. */
export const trainerStateSchema = z.looseObject({
  schema: z.number(),
  /** Run that wrote it, and its name. */
  run: z.string(),
  name: z.string(),
  /** Updates made, as the run counts them. */
  step: z.number().int().min(0),
  tokens: z.number().min(0),
  /** Number of the next sample. */
  samples: z.number().int().min(0),
  /** Seconds of training. */
  elapsed: z.number().min(0),
  /** Updates that the optimizer's moments have seen. */
  optimizerStep: z.number().int().min(0),
  /** Updates since random weights, over all runs of the lineage. */
  lineageSteps: z.number().int().min(0),
  /** The learning rate had fallen to 0. */
  decayed: z.boolean(),
  /** The step's validation was cut off by a stop. */
  validationPending: z.boolean(),
  tokenizerHash: z.string(),
  trainHash: z.string(),
  seed: z.number(),
});
export type TrainerState = z.infer<typeof trainerStateSchema>;

const moments: [ParameterKind, string][] = [
  ['firstMoment', 'exp_avg'],
  ['secondMoment', 'exp_avg_sq'],
];

function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

function syncFile(file: string): void {
  const handle = fs.openSync(file, 'r+');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/**
 * Saves weights, moments and state. All is written and made durable in a temporary folder, `DONE` last; then one
 * rename puts it in place, so a checkpoint is either complete or not there.
 * @throws BiphaseError `full` with the sentence to show; earlier checkpoints are untouched
 */
export async function writeCheckpoint(
  runFolder: string,
  state: TrainerState,
  model: PretrainingModel,
  tokenizer: { json: string; eos: number; mask: number },
): Promise<void> {
  const place = path.join(runFolder, runFiles.checkpoint(state.step));
  const parent = path.dirname(place);
  const temporary = path.join(parent, `.${path.basename(place)}.${process.pid}.tmp`);
  try {
    fs.mkdirSync(parent, { recursive: true });
    for (const name of fs.readdirSync(parent))
      if (name.startsWith('.') && name.endsWith('.tmp'))
        fs.rmSync(path.join(parent, name), { recursive: true });
    fs.mkdirSync(temporary);
    await writeTransformersFolder(
      temporary,
      model.config,
      (name, range) => model.read(name, 'weight', range),
      {
        eos: tokenizer.eos,
        pad: tokenizer.eos,
        mask: tokenizer.mask,
      },
    );
    await writeSafetensorsFile(
      path.join(temporary, checkpointFiles.optimizer),
      moments.flatMap(([kind, prefix]) =>
        model.parameters.map(({ name, shape }) => ({
          name: `${prefix}.${name}`,
          shape,
          values: (range) => model.read(name, kind, range),
        })),
      ),
    );
    fs.writeFileSync(path.join(temporary, checkpointFiles.tokenizer), tokenizer.json);
    const names = transformersTokenizerConfig(tokenizer, model.config.context);
    fs.writeFileSync(
      path.join(temporary, checkpointFiles.tokenizerConfig),
      `${JSON.stringify(names, null, 2)}\n`,
    );
    fs.writeFileSync(path.join(temporary, checkpointFiles.trainer), `${JSON.stringify(state, null, 1)}\n`);
    const { config, tokenizer: json, tokenizerConfig, trainer } = checkpointFiles;
    for (const name of [config, json, tokenizerConfig, trainer]) syncFile(path.join(temporary, name));
    syncFolder(temporary);
    fs.writeFileSync(path.join(temporary, checkpointFiles.done), '', { flush: true });
    syncFolder(temporary);
    // A segment that was resumed from further back writes the same step again.
    if (fs.existsSync(place)) removeCheckpoint(place);
    fs.renameSync(temporary, place);
    syncFolder(parent);
  } catch (cause) {
    fs.rmSync(temporary, { recursive: true, force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cause;
    throw new BiphaseError(
      'full',
      `The disk is full: the checkpoint of step ${state.step} could not be saved in ${parent}.`,
      { next: 'Earlier checkpoints are intact. Free space and resume the run.', cause },
    );
  }
}

/** Deletes a checkpoint so that a crash in between leaves none that looks complete. */
function removeCheckpoint(place: string): void {
  fs.rmSync(path.join(place, checkpointFiles.done), { force: true });
  fs.rmSync(place, { recursive: true, force: true });
}

/** Steps of the complete checkpoints of a run, ascending. */
export function completeCheckpoints(runFolder: string): number[] {
  const folder = path.join(runFolder, runFiles.checkpoints);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .map((name) => /^step-(\d+)$/.exec(name))
    .filter((match) => match !== null && fs.existsSync(path.join(folder, match[0], checkpointFiles.done)))
    .map((match) => Number(match![1]))
    .sort((a, b) => a - b);
}

/** Deletes all but the newest `keep` and those of the steps in `at`. */
export function pruneCheckpoints(runFolder: string, keep: number, at: readonly number[]): void {
  const steps = completeCheckpoints(runFolder);
  for (const step of steps.slice(0, Math.max(0, steps.length - keep)))
    if (!at.includes(step)) removeCheckpoint(path.join(runFolder, runFiles.checkpoint(step)));
}

/** @throws BiphaseError `missing` or `damaged` */
export function readTrainerState(folder: string): TrainerState {
  if (!fs.existsSync(path.join(folder, checkpointFiles.done)))
    throw new BiphaseError('missing', `There is no complete checkpoint in ${folder}.`);
  try {
    return trainerStateSchema.parse(
      JSON.parse(fs.readFileSync(path.join(folder, checkpointFiles.trainer), 'utf8')),
    );
  } catch (cause) {
    throw new BiphaseError('damaged', `${path.join(folder, checkpointFiles.trainer)} cannot be read.`, {
      cause,
    });
  }
}

/** Fills weights and, with `optimizer`, both moments from a checkpoint. @throws BiphaseError `missing`, `damaged` */
export async function readCheckpoint(
  folder: string,
  model: PretrainingModel,
  options: { optimizer: boolean },
): Promise<void> {
  await readTransformersWeights(folder, model);
  if (!options.optimizer) return;
  const file = await SafetensorsFile.open(path.join(folder, checkpointFiles.optimizer));
  try {
    const entries = new Map(file.header.entries.map((entry) => [entry.name, entry]));
    for (const [kind, prefix] of moments) {
      for (const { name } of model.parameters) {
        const entry = entries.get(`${prefix}.${name}`);
        if (!entry) throw new BiphaseError('damaged', `${folder} has no optimizer state for ${name}.`);
        for (const range of piecesOf(elementsOf(entry)))
          await model.write(name, kind, await file.read(entry, range), range.start);
      }
    }
  } finally {
    await file.close();
  }
}
