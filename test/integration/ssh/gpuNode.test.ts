import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import type { Gpu } from '../../../src/protocol/agentApi.ts';
import { runFiles, type WrapperState } from '../../../src/protocol/runDirectory.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { ShimNvidiaSmi } from '../../support/shimNvidiaSmi.ts';
import { sshdPath } from '../../support/sshd.ts';
import { type SshNode, startSshNode } from '../../support/sshNode.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
const run = '20260101-gpufirst';
const second = '20260101-gpusecnd';
const file = {
  name: 'first on atlas',
  model: { hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32 },
  data: {
    source: 'world',
    packing: { length: 32 },
    tokenizer: { train: { vocabSize: 300 } },
    validation: { tokens: 1000 },
  },
  batch: { samples: 4 },
  phases: [{ objective: 'clm', until: 1_000_000 }],
};

let person: PrivateHome;
let smi: ShimNvidiaSmi;
let node: SshNode;
let client: ControlClient;

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  smi = new ShimNvidiaSmi([{ index: 0, uuid: 'GPU-a' }]);
  node = await startSshNode(person, { programs: smi.folder });
  client = await connectControl({
    stateFolder: path.join(person.folder, 's'),
    controlFile: path.resolve(import.meta.dirname, '../../../dist/control.mjs'),
    execPath: process.execPath,
    client: 'window',
    trusted: () => true,
    version: '0.1.0',
    environment: person.environment,
  });
});

after(async () => {
  client?.dispose();
  await node?.sshd.stop();
  if (person) await removePrivateHome(person);
  smi?.dispose();
});

/** The next news in which the node's only GPU is as `condition` says. */
function untilGpu(condition: (gpu: Gpu) => boolean): Promise<void> {
  return new Promise((resolve) => {
    client.on('nodes', ({ nodes }) => {
      const gpu = nodes.find(({ config }) => config.name === 'atlas')?.probe?.gpus[0];
      if (gpu && condition(gpu)) resolve();
    });
  });
}

test('a run over SSH takes the one GPU; trees, check and the next launch say who has it', {
  skip,
}, async () => {
  const setup = ['echo "visible: $CUDA_VISIBLE_DEVICES"'];
  const config = { name: 'atlas', kind: 'ssh' as const, host: node.host, setup, slots: 8 };
  await client.call('addNode', { config });
  const { ok, findings } = await client.call('testNode', { name: 'atlas' });
  assert.ok(ok, findings.join(' '));
  assert.ok(findings.includes('GPU 0: NVIDIA H100 80GB HBM3, free.'), findings.join(' '));
  const before = await client.call('checkLaunch', { file, node: 'atlas' });
  assert.ok(!before.sentences.some((sentence) => sentence.includes('GPU')), before.sentences.join(' '));

  const running = new Promise<void>((resolve) => {
    client.on('runs', ({ runs }) => {
      if (runs.some((each) => each.run === run && each.state === 'running')) resolve();
    });
  });
  await client.call('launch', { file, node: 'atlas', run });
  await running;
  const at = (name: string): string => fs.readFileSync(path.join(node.root, 'runs', run, name), 'utf8');
  assert.match(at(runFiles.output), /^visible: GPU-a$/m);

  const { pid } = (JSON.parse(at(runFiles.state)) as WrapperState).trainer;
  smi.show([{ index: 0, uuid: 'GPU-a', usedMiB: 9000, processes: [{ pid, memoryMiB: 8990 }] }]);
  const marked = untilGpu(({ owners }) => owners?.[0]?.run === run);
  // Whoever connects looks again.
  await client.call('reconnectNode', { name: 'atlas' });
  await marked;
  const check = await client.call('checkLaunch', { file, node: 'atlas' });
  const sentence =
    'No GPU of atlas is free: GPU 0 (you: first on atlas, 8.8 GiB). The run waits in the queue until one is.';
  assert.ok(check.sentences.includes(sentence), check.sentences.join(' '));
  const waits = new Promise<string>((resolve) => {
    client.on('runs', ({ runs }) => {
      const queued = runs.find((each) => each.run === second && each.state === 'queued');
      if (queued?.reason) resolve(queued.reason);
    });
  });
  const other = { ...file, name: 'second on atlas' };
  assert.deepEqual(await client.call('launch', { file: other, node: 'atlas', run: second }), {
    already: false,
    queued: true,
  });
  assert.match(await waits, /GPU 0 \(you: first on atlas/);
  await client.call('stop', { run: second });
  await client.call('kill', { run });
});
