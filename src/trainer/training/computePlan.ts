import os from 'node:os';
import { BiphaseError } from '../../core/errors.ts';
import { type PlanOptions, planMemory, whyItDoesNotFit } from '../../core/plannedBytes.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { mostTokens } from '../data/packing.ts';
import { findBlas } from '../engine/blas/findBlas.ts';
import { chooseEngine, type EngineName } from '../engine/chooseEngine.ts';
import type { BatchLimits } from '../model/pretrainingModel.ts';

/** How an update is computed; not part of a run's identity. */
export interface ComputePlan {
  engine: EngineName;
  /** Version and configuration of the BLAS library; null: the engine uses none. */
  blas: { file: string; version: string } | null;
  threads: number;
  /** Samples of one pass. */
  microBatch: number;
  limits: BatchLimits;
  plannedBytes: number;
}

/** Tokens of one pass that keep every engine busy; more only cost memory. */
const enoughTokens = 4096;

function limitsOf(file: ResolvedRunFile, microBatch: number): BatchLimits {
  const { packing } = file.data;
  const mixed = file.phases.some((phase) => phase.objective === 'mixed');
  const aligned = microBatch % 2 === 0 && file.batch.samples % 2 === 0;
  const tokens = mixed ? microBatch * packing.length : mostTokens(packing, microBatch, aligned);
  return {
    tokens,
    length: packing.length,
    samples: packing.documentAttention ? tokens : microBatch,
    lossPositions: tokens,
  };
}

/** The largest power of two (or the whole batch) whose tokens are enough; the same on every machine. */
function automaticMicroBatch(file: ResolvedRunFile, options: PlanOptions): number {
  let size = 1;
  while (2 * size <= file.batch.samples && limitsOf(file, 2 * size).tokens <= enoughTokens) size *= 2;
  if (limitsOf(file, file.batch.samples).tokens <= enoughTokens) size = file.batch.samples;
  while (size > 1 && whyItDoesNotFit(file.model, limitsOf(file, size), options)) size = Math.floor(size / 2);
  return size;
}

/**
 * Chooses engine, threads and passes, before anything is reserved.
 * @throws BiphaseError `full` with the numbers where the model cannot fit
 */
export function planCompute(file: ResolvedRunFile): ComputePlan {
  const engine = chooseEngine(file.engine.name, file.model);
  const threads = file.engine.threads === 'auto' ? os.availableParallelism() : file.engine.threads;
  const options: PlanOptions = { threads, purpose: 'train', engine: engine === 'blas' ? 'blas' : 'wasm' };
  const microBatch =
    file.engine.microBatch === 'auto'
      ? automaticMicroBatch(file, options)
      : Math.min(file.engine.microBatch, file.batch.samples);
  const limits = limitsOf(file, microBatch);
  const misfit = whyItDoesNotFit(file.model, limits, options, os.totalmem());
  if (misfit)
    throw new BiphaseError('full', misfit, { next: 'Choose a smaller model or a smaller micro-batch.' });
  const plannedBytes = planMemory(file.model, limits, options).total * (engine === 'reference' ? 2 : 1);
  const library = engine === 'blas' ? findBlas() : null;
  const blas = library && { file: library.file, version: library.version };
  return { engine, blas, threads, microBatch, limits, plannedBytes };
}
