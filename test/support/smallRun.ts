/** The file of a real pretraining run, as small as the trainer takes; `changes`: sections that are others. */
export function smallRun<T extends object = Record<never, never>>(steps: number, changes?: T) {
  return {
    model: { hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32 },
    data: {
      source: 'world',
      packing: { length: 32 },
      tokenizer: { train: { vocabSize: 300 } },
      validation: { tokens: 1000 },
    },
    batch: { samples: 4 },
    phases: [{ objective: 'clm', until: steps }],
    checkpoints: { every: 100_000 },
    validate: { every: 100_000 },
    engine: { name: 'wasm', threads: 1 },
    ...(changes as T),
  };
}
