import { BiphaseError } from '../../core/errors.ts';
import {
  NORM_TILE_ROWS,
  optimizerTiles,
  packElements,
  planMemory,
  scratchElements,
  whyItDoesNotFit,
} from '../../core/plannedBytes.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { Engine } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { WasmEngine } from '../engine/wasm/wasmEngine.ts';
import { EncoderModel } from './encoderModel.ts';
import type { BatchLimits, PretrainingModel } from './pretrainingModel.ts';

export interface OpenModelOptions {
  config: ModelConfig;
  limits: BatchLimits;
  engine: 'reference' | 'wasm';
  /** Threads that compute, the calling one included. */
  threads: number;
  /** Stands between the model and its engine, to measure. */
  watch?: (engine: Engine) => Engine;
}

/**
 * Plans the memory, reserves it and starts the engine. A model that cannot fit is refused before anything is
 * reserved (kind 'full', with the numbers).
 */
export async function openPretrainingModel(options: OpenModelOptions): Promise<PretrainingModel> {
  const { config, limits, engine } = options;
  checkShape(config);
  const threads = Math.max(1, Math.floor(options.threads));
  const plan = planMemory(config, limits, threads);
  if (engine === 'reference')
    return new EncoderModel(new ReferenceEngine(), config, limits, 2 * (plan.total - plan.engine));

  const misfit = whyItDoesNotFit(config, limits, threads);
  if (misfit)
    throw new BiphaseError('full', misfit, { next: 'Choose a smaller model or fewer samples at once.' });
  const wasm = await WasmEngine.open(
    {
      bytes: plan.total,
      pack: packElements(config, limits),
      scratch: scratchElements(config, limits),
      normPartial: Math.ceil(limits.tokens / NORM_TILE_ROWS) * config.hiddenSize,
      optimizerTiles: optimizerTiles(config),
    },
    threads,
  );
  return new EncoderModel(options.watch?.(wasm) ?? wasm, config, limits, plan.total);
}

function checkShape(config: ModelConfig): void {
  const { heads, kvHeads, headDim } = config;
  if (heads % kvHeads !== 0)
    throw new BiphaseError('usage', `${kvHeads} key/value heads do not divide ${heads} query heads.`);
  if (headDim % 2 !== 0)
    throw new BiphaseError('usage', `The head dimension ${headDim} is odd; rotary needs pairs.`);
}
