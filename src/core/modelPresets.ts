import type { ModelConfig } from '../protocol/modelConfig.ts';
import type { modelPresetNames } from '../protocol/runFile.ts';

export type ModelPresetName = (typeof modelPresetNames)[number];

/** What a preset's name stands for, and the defaults of the run file that fit its size. */
export interface ModelPreset {
  shape: Pick<ModelConfig, 'hiddenSize' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'intermediateSize'>;
  /** Rows of the embedding; null: as many as the tokenizer has. */
  vocabSize: number | null;
  defaults: RunDefaults;
}

/** Defaults of a run file that depend on the model's size. */
export interface RunDefaults {
  packingLength: number;
  batchSamples: number;
  tokenizerVocabSize: number;
  peak: number;
  validationTokens: number;
}

const paperDefaults: RunDefaults = {
  packingLength: 2048,
  batchSamples: 2304,
  tokenizerVocabSize: 8192,
  peak: 5e-4,
  validationTokens: 200_000,
};

/** 210m, 610m and 1b have the shapes of arXiv 2507.00994; micro, mini and small are for laptops and tests. */
export const modelPresets: Record<ModelPresetName, ModelPreset> = {
  micro: {
    shape: { hiddenSize: 64, layers: 2, heads: 4, kvHeads: 4, headDim: 16, intermediateSize: 176 },
    vocabSize: null,
    defaults: {
      packingLength: 128,
      batchSamples: 32,
      tokenizerVocabSize: 1024,
      peak: 5e-3,
      validationTokens: 8192,
    },
  },
  mini: {
    shape: { hiddenSize: 256, layers: 4, heads: 4, kvHeads: 4, headDim: 64, intermediateSize: 704 },
    vocabSize: null,
    defaults: {
      packingLength: 256,
      batchSamples: 32,
      tokenizerVocabSize: 4096,
      peak: 2e-3,
      validationTokens: 32_768,
    },
  },
  small: {
    shape: { hiddenSize: 512, layers: 8, heads: 8, kvHeads: 8, headDim: 64, intermediateSize: 1408 },
    vocabSize: null,
    defaults: {
      packingLength: 512,
      batchSamples: 64,
      tokenizerVocabSize: 8192,
      peak: 1e-3,
      validationTokens: 65_536,
    },
  },
  '210m': {
    shape: { hiddenSize: 768, layers: 12, heads: 12, kvHeads: 12, headDim: 64, intermediateSize: 3072 },
    vocabSize: 128_256,
    defaults: paperDefaults,
  },
  '610m': {
    shape: { hiddenSize: 1152, layers: 26, heads: 18, kvHeads: 6, headDim: 64, intermediateSize: 4096 },
    vocabSize: 128_256,
    defaults: paperDefaults,
  },
  '1b': {
    shape: { hiddenSize: 1728, layers: 28, heads: 18, kvHeads: 6, headDim: 96, intermediateSize: 5120 },
    vocabSize: 128_256,
    defaults: paperDefaults,
  },
};

/** Defaults for a model that no preset names. */
export const customDefaults: RunDefaults = { ...paperDefaults, batchSamples: 64, packingLength: 512 };
