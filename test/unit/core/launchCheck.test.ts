import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckContext, checkLaunch } from '../../../src/core/launchCheck.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { slurmSentence } from '../../../src/core/slurmText.ts';
import type { Probe } from '../../../src/protocol/agentApi.ts';

const GIB = 2 ** 30;

function check(
  model: string,
  memory: number,
  engine: object = {},
  probe: Partial<Probe> = {},
  parts: Partial<CheckContext> = {},
): ReturnType<typeof checkLaunch> {
  const written = {
    ...{ model, engine, batch: { samples: 64 } },
    data: { source: 'world' },
    phases: [{ objective: 'mlm', until: 100 }],
  };
  const context: CheckContext = {
    node: 'atlas',
    setup: [],
    probe: {
      ...{ cores: 2, load: 0, diskFreeBytes: 1000 * GIB, gpus: [], warnings: [] },
      ...{ memoryTotalBytes: memory, memoryFreeBytes: memory },
      ...probe,
    },
    lastRun: null,
    noData: null,
    tokensPerSecond: null,
    waits: null,
    ...parts,
  };
  return checkLaunch(resolveRunFile(parseRunFile(written)), context);
}

test('who holds the GPUs is said; the run may still fit later', () => {
  const { fits, sentences } = check(
    'micro',
    8 * GIB,
    {},
    {},
    {
      waits: 'No GPU of atlas is free: GPU 0 (ada).',
    },
  );
  assert.deepEqual([fits, sentences], [true, ['No GPU of atlas is free: GPU 0 (ada).']]);
});

test('of a node with Slurm only what is asked of it is said: the login node says nothing about the memory of a job', () => {
  const slurm = { partition: 'gpu', time: '4:00:00', gres: 'gpu:1', cpus: 8, memory: '32G' };
  const { fits, memoryFreeBytes, sentences } = check('610m', GIB, {}, {}, { slurm });
  assert.deepEqual([fits, memoryFreeBytes], [true, null]);
  assert.deepEqual(sentences, [
    'Slurm starts it: partition gpu, 4 h a job, gpu:1, 8 processors, 32G of memory.',
  ]);
  assert.equal(slurmSentence({}), "Slurm starts it: the site's defaults.");
});

test('models beyond 4 GiB fit a machine that has the memory', () => {
  for (const [model, gib] of [
    ['210m', 24],
    ['610m', 24],
  ] as const) {
    const { fits, sentences, plannedBytes } = check(model, gib * GIB);
    assert.equal(fits, true, sentences.join(' '));
    assert.ok(plannedBytes > 4 * GIB);
    assert.deepEqual(sentences, []);
  }
});

test('a model that the machine cannot hold is refused with the numbers', () => {
  const { fits, sentences } = check('610m', 8 * GIB);
  assert.equal(fits, false);
  assert.match(
    sentences[0],
    /^This needs 1\d\.\d GiB of memory \(1\d\.\d GiB for weights, .*but the machine has 8 GiB\.$/,
  );
  assert.deepEqual(sentences.slice(1), ['Choose a smaller model, or a node with more memory.']);
});

test('more tokens a pass than the engine can hold are refused where a person asked for them', () => {
  assert.equal(check('610m', 200 * GIB).fits, true);
  const { fits, sentences } = check('610m', 200 * GIB, { microBatch: 8 });
  assert.equal(fits, false);
  assert.match(sentences[0], /^16,384 tokens at once need \d+\.\d GiB of the engine's memory/);
  const [, smaller] = /^Set "engine\.microBatch" to (\d)\.$/.exec(sentences[1]) ?? [];
  assert.equal(check('610m', 200 * GIB, { microBatch: Number(smaller) }).fits, true);
});

test('memory and disk that others hold are said in one unit, with what to do', () => {
  const { fits, sentences } = check('210m', 24 * GIB, {}, { memoryFreeBytes: GIB / 2, diskFreeBytes: GIB });
  assert.equal(fits, false);
  assert.match(
    sentences[0],
    /^The run needs \d+(\.\d)? GiB of memory, and 0\.5 GiB are free on atlas now\. Wait /,
  );
  assert.match(
    sentences[1],
    /^Checkpoints need \d+(\.\d)? GiB of disk, and 1 GiB are free on atlas\. Free space /,
  );
});

test('why a node cannot say whether a run fits is told', () => {
  const trouble = 'The host key changed. Ask its administrator.';
  const { fits, sentences } = check('micro', GIB, {}, {}, { probe: null, trouble });
  assert.equal(fits, null);
  assert.deepEqual(sentences, [trouble]);
});
