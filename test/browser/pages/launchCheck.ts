import type { LaunchCheck } from '../../../src/protocol/controlApi.ts';

/** What control says of a run that is about to be launched; the node has not answered yet. */
export const launchCheck: LaunchCheck = {
  data: 'world',
  name: '610m-clm-10k-mlm40-42k',
  steps: 42000,
  tokens: 96.6e9,
  parameters: 610e6,
  phases: [
    { objective: 'clm', from: 0, until: 10000 },
    { objective: 'mlm', from: 10000, until: 42000, maskRatio: [0.4] },
  ],
  schedule: { warmup: 2000, decayStart: 40000, peak: 5e-4 },
  plannedBytes: 21e9,
  checkpointBytes: 8e9,
  memoryFreeBytes: null,
  diskFreeBytes: null,
  fits: null,
  sentences: [],
  secondsExpected: null,
  node: 'atlas',
  setup: [],
  differences: ['phase 1 (clm), ends at step: 21,000 → 10,000', 'peak learning rate: 1e-3 → 5e-4'],
  lastRun: '610m-clm-21k-mlm40-42k',
};
