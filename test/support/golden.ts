import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { PaddedBatch } from '../../src/trainer/model/paddedBatch.ts';
import type { AdamWStep } from '../../src/trainer/model/pretrainingModel.ts';
import { SafetensorsFile } from '../../src/trainer/model/safetensorsFile.ts';

/** One case of `test/golden/make_golden.py`: numbers that PyTorch computed. */
export interface Golden {
  objective: 'clm' | 'mlm';
  /** As in config.json. */
  config: Record<string, unknown>;
  optimizer: Omit<AdamWStep, 'step' | 'skipNonFinite'>;
  loss: number;
  gradNorm: number;
  /** Before each step. */
  losses: number[];
  batch: PaddedBatch;
}

export const goldenFixtures = path.join(import.meta.dirname, '../unit/trainer/fixtures');

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(path.join(goldenFixtures, `${name}.json`), 'utf8')) as Golden;
}

/** All tensors of a file. */
export async function readTensors(file: string): Promise<Map<string, Float32Array>> {
  const opened = await SafetensorsFile.open(file);
  try {
    const tensors = new Map<string, Float32Array>();
    for (const entry of opened.header.entries) tensors.set(entry.name, await opened.read(entry));
    return tensors;
  } finally {
    await opened.close();
  }
}
