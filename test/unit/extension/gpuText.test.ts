import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  gpuDescription,
  gpuIcon,
  gpuSpoken,
  gpusInShort,
  gpuTooltip,
} from '../../../src/extension/views/gpuText.ts';
import { nodeDescription } from '../../../src/extension/views/nodeText.ts';
import type { NodeSummary } from '../../../src/protocol/controlApi.ts';
import { someGpu } from '../../support/someGpu.ts';

const nameOfRun = (): string => '610m-clm-42k';
const mine = { pid: 4711, user: 'ada', memoryMiB: 98_304, run: '20260101-aaaaaaaa' };
const theirs = { pid: 4712, user: null, memoryMiB: null, run: null };
const busy = someGpu({ utilization: 71, memoryUsedMiB: 98_304, owners: [mine] });

test('a GPU says how busy it is and with whom', () => {
  assert.equal(gpuDescription(busy, nameOfRun), '▮▮▮▮▯▯ 71 % · 96 GiB · you: 610m-clm-42k');
  assert.equal(gpuDescription(someGpu(), nameOfRun), 'free');
  assert.equal(gpuSpoken(busy, nameOfRun), 'GPU 0, 71 % · 96 GiB · you: 610m-clm-42k');
  assert.equal(
    gpuDescription(someGpu({ utilization: null, memoryUsedMiB: null, owners: [theirs] }), nameOfRun),
    'someone else',
  );
});

test('free, mine, taken and not known have shapes of their own', () => {
  const gpus = [someGpu(), busy, someGpu({ owners: [mine, theirs] }), someGpu({ owners: null })];
  assert.equal(new Set(gpus.map((gpu) => gpuIcon(gpu).icon)).size, 4);
  assert.equal(gpuIcon(someGpu({ memoryUsedMiB: 9000 })).icon, 'lock');
});

test('the tooltip tells what the tool tells, and whose the processes are', () => {
  assert.deepEqual(gpuTooltip(someGpu({ memoryUsedMiB: 2048, owners: [mine, theirs] }), nameOfRun), [
    'GPU 0: NVIDIA H100',
    'GPU-aa',
    'Memory: 2 GiB of 79.6 GiB in use',
    'Utilization: 0 %',
    'Temperature: 34 °C',
    'Power: 68 W of 700 W',
    '610m-clm-42k: process 4711, 96 GiB',
    'someone else: process 4712',
  ]);
  const silent = { memoryTotalMiB: null, utilization: null, temperature: null, powerDraw: null };
  assert.deepEqual(gpuTooltip(someGpu({ ...silent, owners: null }), nameOfRun), [
    'GPU 0: NVIDIA H100',
    'GPU-aa',
    'Its processes are not known.',
  ]);
});

test('a node counts its GPUs by name, and how many are busy', () => {
  assert.deepEqual(gpusInShort([]), []);
  assert.deepEqual(gpusInShort([someGpu(), busy]), ['2 × H100', '1 busy']);
  assert.deepEqual(gpusInShort([someGpu(), someGpu({ name: 'AMD MI300X' })]), ['1 × H100, 1 × MI300X']);
});

test('beside a node stand its GPUs, else its cores, and whether something runs', () => {
  const said = (gpus: ReturnType<typeof someGpu>[], runningRuns = 0): string => {
    const bytes = { memoryTotalBytes: 1, memoryFreeBytes: 1, diskFreeBytes: 1 };
    const node: NodeSummary = {
      config: { name: 'atlas', kind: 'ssh', host: 'atlas' },
      connection: 'connected',
      probe: { cores: 2, load: 0, ...bytes, gpus, warnings: [] },
      runningRuns,
      waitingRuns: 0,
      hold: null,
    };
    return nodeDescription(node);
  };
  assert.equal(said([]), '2 cores · idle');
  assert.equal(said([someGpu()]), '1 × H100 · idle');
  assert.equal(said([someGpu(), busy]), '2 × H100 · 1 busy');
  assert.equal(said([someGpu(), busy], 1), '2 × H100 · 1 busy · 1 running');
});

test('beside a node with Slurm stands how many runs it has and how many wait', () => {
  const said = (runningRuns: number, waitingRuns: number): string =>
    nodeDescription({
      config: { name: 'jeanzay', kind: 'ssh', slurm: {} },
      ...{ connection: 'connected', probe: null, runningRuns, waitingRuns, hold: null },
    });
  assert.equal(said(12, 40), 'slurm · 12 running · 40 pending');
  assert.equal(said(0, 1), 'slurm · 1 pending');
  assert.equal(said(0, 0), 'slurm · idle');
});
