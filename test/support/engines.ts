import type { OpenModelOptions } from '../../src/trainer/model/openModel.ts';

/**
 * Engines that compute on this machine: what every comparison with PyTorch and with the reference is run on. The
 * preflight of `npm test` brings a BLAS where there is none.
 */
export function availableEngines(): OpenModelOptions['engine'][] {
  return ['wasm', 'blas', 'reference'];
}
