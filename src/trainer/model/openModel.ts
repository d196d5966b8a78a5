import os from 'node:os';
import { BiphaseError } from '../../core/errors.ts';
import {
  engineSizes,
  type ModelPurpose,
  type PlanOptions,
  planMemory,
  whyItDoesNotFit,
} from '../../core/plannedBytes.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { BlasEngine } from '../engine/blas/blasEngine.ts';
import { needBlas } from '../engine/blas/findBlas.ts';
import type { EngineName } from '../engine/chooseEngine.ts';
import type { Engine } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { WasmEngine } from '../engine/wasm/wasmEngine.ts';
import { EncoderModel } from './encoderModel.ts';
import type { BatchLimits, PretrainingModel } from './pretrainingModel.ts';

export interface OpenModelOptions {
  config: ModelConfig;
  limits: BatchLimits;
  engine: EngineName;
  /** Threads that compute, the calling one included. */
  threads: number;
  /** Default: train. */
  purpose?: ModelPurpose;
  /** Bytes at which the arena ends; default: where a WebAssembly memory does. Parameters beyond it are stored. */
  arenaLimit?: number;
  /** Stands between the model and its engine, to measure. */
  watch?: (engine: Engine) => Engine;
}

/**
 * Plans the memory, reserves it and starts the engine. A model that cannot fit is refused before anything is
 * reserved (kind 'full', with the numbers).
 */
export async function openPretrainingModel(options: OpenModelOptions): Promise<PretrainingModel> {
  const { config, limits, engine, purpose = 'train' } = options;
  checkShape(config);
  const threads = Math.max(1, Math.floor(options.threads));
  const planOptions: PlanOptions = {
    threads,
    purpose,
    engine: engine === 'blas' ? engine : 'wasm',
    ...(options.arenaLimit === undefined ? {} : { arenaLimit: options.arenaLimit }),
  };
  const plan = planMemory(config, limits, planOptions);
  if (engine === 'reference')
    return new EncoderModel(
      new ReferenceEngine(),
      config,
      limits,
      2 * (plan.total - plan.engine - plan.process),
      purpose,
    );

  const misfit = whyItDoesNotFit(config, limits, planOptions, os.totalmem());
  if (misfit)
    throw new BiphaseError('full', misfit, { next: 'Choose a smaller model or fewer tokens at once.' });
  const sizes = engineSizes(config, limits, planOptions);
  const opened =
    engine === 'blas'
      ? await BlasEngine.openWith(needBlas(), sizes, threads)
      : await WasmEngine.open(sizes, threads);
  return new EncoderModel(options.watch?.(opened) ?? opened, config, limits, plan.total, purpose);
}

function checkShape(config: ModelConfig): void {
  const { heads, kvHeads, headDim } = config;
  if (heads % kvHeads !== 0)
    throw new BiphaseError('usage', `${kvHeads} key/value heads do not divide ${heads} query heads.`);
  if (headDim % 2 !== 0)
    throw new BiphaseError('usage', `The head dimension ${headDim} is odd; rotary needs pairs.`);
}
