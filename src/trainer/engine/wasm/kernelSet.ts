export type Kernel = (args: number, tile: number, scratch: number) => void;

/** Names of the exported kernels; a kernel's number, by which threads name it, is its place in this list. */
export const KERNEL_NAMES = [
  'packPanels',
  'multiplyTile',
  'rmsNorm',
  'rmsNormBackward',
  'addPartialRows',
  'rotary',
  'attention',
  'attentionBackward',
  'swiGlu',
  'swiGluBackward',
  'gatherRows',
  'scatterAddRows',
  'crossEntropy',
  'fill',
  'copy',
  'sumOfSquares',
  'adamW',
  'softmaxRows',
  'softmaxGradientRows',
  'centreRows',
] as const;

export type KernelName = (typeof KERNEL_NAMES)[number];

/** Instantiates the compiled kernels over a memory. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernel[] {
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      abort: () => {
        throw new Error('A kernel aborted.');
      },
    },
  });
  return KERNEL_NAMES.map((name) => instance.exports[name] as Kernel);
}
