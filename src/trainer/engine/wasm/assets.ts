/** Where the engine's two files are: run from sources (type stripping) or from the bundle, where they lie beside it. */
const fromSources = import.meta.url.endsWith('.ts');

export const kernelsFile = new URL(
  fromSources ? '../../../../dist/bundle/kernels.wasm' : './kernels.wasm',
  import.meta.url,
);

export const workerFile = new URL(fromSources ? './poolWorker.ts' : './pool-worker.mjs', import.meta.url);
