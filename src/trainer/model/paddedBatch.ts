import { BiphaseError } from '../../core/errors.ts';
import type { BatchLimits, PackedBatch } from './pretrainingModel.ts';

/** A batch as `transformers` takes it: rectangular, with a mask of real tokens and −100 where no loss is taken. */
export interface PaddedBatch {
  input_ids: number[][];
  labels: number[][];
  attention_mask?: number[][];
}

/**
 * Packs the real tokens of a padded batch end to end: padding may lie on either side of a row, not within it, where
 * positions would not be those that `transformers` counts. CLM predicts the label of the following real token of the same
 * sample; MLM predicts the label at its own place.
 * @throws BiphaseError `usage`
 */
export function packPaddedBatch(batch: PaddedBatch, objective: 'clm' | 'mlm'): PackedBatch {
  const { input_ids: ids, labels, attention_mask: mask } = batch;
  const isTable = (table: unknown): boolean =>
    Array.isArray(table) && table.every((row) => Array.isArray(row) && row.every(Number.isSafeInteger));
  const sameShape = (table: number[][]): boolean =>
    table.length === ids.length && table.every((row, i) => row.length === ids[i]!.length);
  if (!isTable(ids) || !isTable(labels) || (mask !== undefined && !isTable(mask)))
    throw new BiphaseError('usage', 'The batch needs input_ids and labels as rows of whole numbers.');
  if (!sameShape(labels) || (mask && !sameShape(mask)))
    throw new BiphaseError('usage', 'input_ids, labels and attention_mask differ in shape.');

  const inputIds: number[] = [];
  const cumulativeLengths = [0];
  const lossRows: number[] = [];
  const targets: number[] = [];
  ids.forEach((row, sample) => {
    const start = inputIds.length;
    const kept = [...row.keys()].filter((column) => mask === undefined || mask[sample]![column] !== 0);
    if (kept.length > 0 && kept.at(-1)! - kept[0]! + 1 !== kept.length)
      throw new BiphaseError(
        'usage',
        `attention_mask has a hole in row ${sample + 1}: the real tokens of a row must follow each other.`,
      );
    for (const column of kept) inputIds.push(row[column]!);
    kept.forEach((column, place) => {
      const from = objective === 'clm' ? place - 1 : place;
      const label = labels[sample]![column]!;
      if (label === -100 || from < 0) return;
      lossRows.push(start + from);
      targets.push(label);
    });
    cumulativeLengths.push(inputIds.length);
  });
  return {
    inputIds: Int32Array.from(inputIds),
    cumulativeLengths: Int32Array.from(cumulativeLengths),
    causal: objective === 'clm',
    lossRows: Int32Array.from(lossRows),
    targets: Int32Array.from(targets),
  };
}

/** The smallest limits that hold a batch. */
export function limitsOf(batch: PackedBatch): BatchLimits {
  let length = 1;
  for (let i = 1; i < batch.cumulativeLengths.length; i++)
    length = Math.max(length, batch.cumulativeLengths[i]! - batch.cumulativeLengths[i - 1]!);
  return {
    tokens: Math.max(1, batch.inputIds.length),
    length,
    samples: Math.max(1, batch.cumulativeLengths.length - 1),
    lossPositions: Math.max(1, batch.lossRows.length),
  };
}
