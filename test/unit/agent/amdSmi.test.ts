import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAmdSmi } from '../../../src/agent/probe/amdSmi.ts';

const inUnit = (value: number, unit: string): { value: number; unit: string } => ({ value, unit });
const metric = {
  gpu: 0,
  usage: { gfx_activity: inUnit(42, '%'), umc_activity: inUnit(1, '%') },
  power: { socket_power: inUnit(131, 'W') },
  temperature: { edge: 'N/A', hotspot: inUnit(44, 'C') },
  mem_usage: { total_vram: inUnit(196592, 'MB'), used_vram: inUnit(283, 'MB') },
};
const list = [{ gpu: 0, bdf: '0000:05:00.0', uuid: 'd8ff74a1-0000-1000-8065-000000000000' }];
const fixed = [
  { gpu: 0, asic: { market_name: 'AMD Instinct MI300X' }, limit: { max_power: inUnit(750, 'W') } },
];
const texts = (processes: unknown, wrap = false): Parameters<typeof parseAmdSmi>[0] => ({
  metric: JSON.stringify(wrap ? { gpu_data: [metric] } : [metric]),
  list: JSON.stringify(list),
  static: JSON.stringify(wrap ? { gpu_data: fixed } : fixed),
  process: JSON.stringify(processes),
});

test('the JSON of four commands makes one GPU, as a list and as newer versions wrap it', () => {
  const process = { name: 'python3', pid: 4711, memory_usage: { vram_mem: inUnit(2 ** 30, 'B') } };
  const elsewhere = { name: 'python3', pid: 4712, mem_usage: inUnit(0, 'B') };
  const processes = [{ gpu: 0, process_list: [{ process_info: process }, { process_info: elsewhere }] }];
  for (const wrap of [false, true])
    assert.deepEqual(parseAmdSmi(texts(processes, wrap)), [
      {
        vendor: 'amd',
        index: 0,
        instance: null,
        uuid: 'd8ff74a1-0000-1000-8065-000000000000',
        name: 'AMD Instinct MI300X',
        memoryTotalMiB: 196592,
        memoryUsedMiB: 283,
        utilization: 42,
        temperature: 44,
        powerDraw: 131,
        powerLimit: 750,
        processes: [{ pid: 4711, memoryMiB: 1024 }],
      },
    ]);
});

test('a card that nobody uses has no processes; a list that is missing is not an empty one', () => {
  const idle = [{ gpu: 0, process_list: [{ process_info: 'No running processes detected' }] }];
  assert.deepEqual(parseAmdSmi(texts(idle))[0]?.processes, []);
  assert.equal(parseAmdSmi({ ...texts(idle), process: '' })[0]?.processes, null);
});

test('no JSON breaks the reader', () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (one, other) => {
      parseAmdSmi({ metric: one, list: other, static: other, process: other });
      parseAmdSmi({
        metric: `[{"gpu":0,"power":${one},"mem_usage":${other}}]`,
        ...{ list: one, static: one, process: `[{"gpu":0,"process_list":[${other}]}]` },
      });
    }),
  );
});
