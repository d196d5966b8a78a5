import type { Gpu } from '../../src/protocol/agentApi.ts';

/** An idle H100, but for what a test says. */
export function someGpu(parts: Partial<Gpu> = {}): Gpu {
  return {
    vendor: 'nvidia',
    index: 0,
    instance: null,
    uuid: 'GPU-aa',
    name: 'NVIDIA H100',
    memoryTotalMiB: 81559,
    memoryUsedMiB: 4,
    utilization: 0,
    temperature: 34,
    powerDraw: 68.4,
    powerLimit: 700,
    owners: [],
    ...parts,
  };
}
