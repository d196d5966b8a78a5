import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { metricNames } from '../../../src/protocol/runDirectory.ts';
import { trainerKills } from '../../support/counts.ts';

const main = fileURLToPath(new URL('../../../src/cli/nodeMain.ts', import.meta.url));
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-trainer-'));
const environment = { ...process.env, BIPHASE_ROOT: root };
after(() => fs.rmSync(root, { recursive: true, force: true }));

const file = {
  model: { hiddenSize: 32, layers: 1, heads: 2, intermediateSize: 64 },
  data: {
    source: 'world:400',
    tokenizer: { train: { vocabSize: 300 } },
    packing: { length: 32 },
    validation: { tokens: 256 },
  },
  batch: { samples: 8 },
  // Every kind of phase, with all that a resume has to find again: shares, a falling ratio, moments that began anew.
  phases: [
    { objective: 'clm', until: 7 },
    { objective: 'mixed', share: { clm: 0.3, mlm: 0.7 }, until: 13 },
    {
      objective: 'mlm',
      maskRatio: [0.5, 0.2],
      replacement: { random: 0.1, keep: 0.1 },
      optimizer: 'fresh',
      until: 24,
    },
  ],
  // One of them lies where the moments begin anew.
  checkpoints: { every: 5, keep: 2, at: [13] },
  validate: { every: 6 },
  engine: { threads: 1 },
};
fs.writeFileSync(path.join(root, 'a.json'), JSON.stringify(file));

function pretrain(folder: string, ...more: string[]) {
  return spawnSync(process.execPath, [main, 'pretrain', ...more, '--run-dir', folder], {
    env: environment,
    encoding: 'utf8',
  });
}

interface Line {
  segment: number;
  step: number;
  metrics: Record<string, number>;
}

function lines(folder: string): Line[] {
  const text = fs.readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8');
  return text.split('\n').flatMap((line): Line[] => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}

/** Metrics that measure the machine. */
const measured: readonly string[] = [
  metricNames.tokensPerSecond,
  metricNames.shareOfPeak,
  metricNames.memory,
  metricNames.dataStalls,
];

/** What must not depend on when the run was killed; of several segments the last that has the step. */
function curve(folder: string): Map<string, number> {
  const points = new Map<string, number>();
  for (const { step, metrics } of lines(folder))
    for (const [name, value] of Object.entries(metrics))
      if (!measured.includes(name)) points.set(`${step} ${name}`, value);
  return points;
}

function checkpointBytes(folder: string): Buffer[] {
  return ['model.safetensors', 'trainer.safetensors'].map((name) =>
    fs.readFileSync(path.join(folder, 'checkpoints/step-000024', name)),
  );
}

const whole = path.join(root, 'runs', '20260101-wholerun');

test('a run ends with a curve and a complete checkpoint', () => {
  const { status, stderr } = pretrain(whole, path.join(root, 'a.json'));
  assert.equal(status, 0, stderr);
  assert.deepEqual(fs.readdirSync(path.join(whole, 'checkpoints')), [
    'step-000013',
    'step-000020',
    'step-000024',
  ]);
  assert.deepEqual(
    lines(whole).map((line) => line.step),
    Array.from({ length: 25 }, (_, step) => step),
  );
  const last = lines(whole).at(-1)?.metrics ?? {};
  const { tokensPerSecond, shareOfPeak, memory } = metricNames;
  const validation = ['validation/loss/clm', 'validation/loss/mlm', 'validation/loss/mlm20'];
  for (const name of ['loss', 'loss/mlm', ...validation, tokensPerSecond, shareOfPeak, memory])
    assert.ok(last[name] > 0, `${name} is ${last[name]}`);
});

test('killed at any step and resumed, weights and metrics are the same bits', async () => {
  for (let kill = 0; kill < trainerKills; kill++) {
    const folder = path.join(root, 'runs', `20260101-kill${String(kill).padStart(4, '0')}`);
    fs.mkdirSync(folder, { recursive: true });
    const target = 1 + ((kill * 7) % 23);
    const child = spawn(
      process.execPath,
      [main, 'pretrain', path.join(root, 'a.json'), '--run-dir', folder],
      {
        env: environment,
        stdio: 'ignore',
      },
    );
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const watch = setInterval(() => {
      const metrics = path.join(folder, 'metrics.jsonl');
      if (fs.existsSync(metrics) && lines(folder).some((line) => line.step >= target)) child.kill('SIGKILL');
    }, 2);
    await ended;
    clearInterval(watch);
    // A torn last line, as a crash of the machine leaves it.
    fs.appendFileSync(path.join(folder, 'metrics.jsonl'), '{"segment":0,"st');
    const { status, stderr } = pretrain(folder, '--resume');
    assert.equal(status, 0, stderr);
    assert.deepEqual(curve(folder), curve(whole));
    assert.deepEqual(checkpointBytes(folder), checkpointBytes(whole));
  }
});

test('a stop request ends with a checkpoint and exit code 3, and the rest is the same bits', () => {
  const folder = path.join(root, 'runs', '20260101-stopstop');
  fs.mkdirSync(path.join(folder, 'requests'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'requests/stop'), '');
  assert.equal(pretrain(folder, path.join(root, 'a.json')).status, 3);
  const { status, stderr } = pretrain(folder, '--resume');
  assert.equal(status, 0, stderr);
  assert.deepEqual(checkpointBytes(folder), checkpointBytes(whole));
});

test('a checkpoint is continued in a new run', () => {
  const folder = path.join(root, 'runs', '20260101-continue');
  const continued = {
    ...file,
    from: { checkpoint: '20260101-wholerun@24' },
    phases: [{ objective: 'mlm', until: 3 }],
    data: { ...file.data, tokenizer: 'checkpoint' },
  };
  fs.writeFileSync(path.join(root, 'b.json'), JSON.stringify(continued));
  const { status, stderr } = pretrain(folder, path.join(root, 'b.json'));
  assert.equal(status, 0, stderr);
  assert.equal(
    lines(folder)[0].metrics['validation/loss/mlm'],
    lines(whole).at(-1)?.metrics['validation/loss/mlm'],
  );
});

test('what a person wrote wrongly is one sentence and exit code 2', () => {
  const empty = path.join(root, 'empty');
  fs.mkdirSync(empty);
  const cases: [object, RegExp][] = [
    [{ ...file, sede: 1 }, /^Unknown key "sede" in the run file\. Did you mean "seed"\?$/],
    [{ ...file, data: { ...file.data, source: empty } }, /is empty/],
    [{ ...file, from: { checkpoint: '20260101-wholerun@7' } }, /There is no checkpoint/],
  ];
  cases.forEach(([content, sentence], index) => {
    const written = path.join(root, `wrong-${index}.json`);
    fs.writeFileSync(written, JSON.stringify(content));
    const { status, stderr } = pretrain(path.join(root, 'runs', `20260101-wrong00${index}`), written);
    assert.equal(status, 2, stderr);
    assert.match(stderr.trim().split('\n').at(-1) ?? '', sentence);
  });
});

test('a model that cannot fit is refused with the number', () => {
  const written = path.join(root, 'large.json');
  fs.writeFileSync(written, JSON.stringify({ ...file, model: '1b', data: { source: 'world' } }));
  const { status, stderr } = pretrain(path.join(root, 'runs', '20260101-toolarge'), written);
  assert.equal(status, 1);
  assert.match(stderr, /needs? [\d.]+ GiB/);
});
