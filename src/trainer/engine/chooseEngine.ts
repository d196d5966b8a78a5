import type { ModelConfig } from '../../protocol/modelConfig.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { findBlas, needBlas } from './blas/findBlas.ts';

export type EngineName = 'reference' | 'wasm' | 'blas';

/** Models of this width and more gain by a BLAS; below it, calling and packing cost more than the product. */
const BLAS_WIDTH = 128;

/**
 * The engine that a run file's or a person's choice stands for. `auto` is decided by the model's shape and by whether
 * there is a BLAS at all, never by a measurement.
 * @throws BiphaseError `missing` where a BLAS is asked for and there is none
 */
export function chooseEngine(name: ResolvedRunFile['engine']['name'], config: ModelConfig): EngineName {
  if (name === 'blas') needBlas();
  if (name !== 'auto') return name;
  return config.hiddenSize >= BLAS_WIDTH && findBlas() ? 'blas' : 'wasm';
}
