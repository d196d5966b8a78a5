import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../src/cli/nodeMain.ts', import.meta.url));
/** Set in the process that may mount although its user is not root. */
const inNamespace = 'BIPHASE_TEST_NAMESPACE';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-full-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));
const run = path.join(root, 'a.json');
const file = {
  model: { hiddenSize: 32, layers: 1, heads: 2, intermediateSize: 64 },
  data: {
    source: 'world:400',
    tokenizer: { train: { vocabSize: 300 } },
    packing: { length: 32 },
    validation: { tokens: 256 },
  },
  batch: { samples: 8 },
  phases: [{ objective: 'clm', until: 24 }],
  checkpoints: { every: 5, keep: 2 },
  engine: { name: 'wasm', threads: 1 },
};
fs.writeFileSync(run, JSON.stringify(file));

function pretrain(folder: string, ...more: string[]) {
  return spawnSync(process.execPath, [main, 'pretrain', ...more, '--run-dir', folder], {
    env: { ...process.env, BIPHASE_ROOT: root },
    encoding: 'utf8',
  });
}

function checkpointBytes(folder: string): Buffer[] {
  return ['model.safetensors', 'trainer.safetensors'].map((part) =>
    fs.readFileSync(path.join(folder, 'checkpoints/step-000024', part)),
  );
}

/** The same test as root of a user namespace of its own; undefined where the system has none for this user. */
function repeatedInNamespace(): { status: number | null; stdout: string } | undefined {
  if (process.env[inNamespace] || spawnSync('unshare', ['-rm', 'true']).status !== 0) return undefined;
  const environment: NodeJS.ProcessEnv = { ...process.env, [inNamespace]: '1' };
  // Set by the test runner, it would report to this one.
  delete environment.NODE_TEST_CONTEXT;
  return spawnSync('unshare', ['-rm', process.execPath, '--test', import.meta.filename], {
    env: environment,
    encoding: 'utf8',
  });
}

test('a full disk is one sentence, and the run goes on after space is freed', (t) => {
  const mount = path.join(root, 'runs', '20260101-fulldisk');
  fs.mkdirSync(mount, { recursive: true });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mount]).status !== 0) {
    const again = repeatedInNamespace();
    if (!again) return t.skip('mounting a tmpfs needs root or user namespaces');
    assert.equal(again.status, 0, again.stdout);
    assert.match(again.stdout, /pass 1\b/);
    return;
  }
  try {
    const whole = path.join(root, 'runs', '20260101-wholerun');
    assert.equal(pretrain(whole, run).status, 0);
    const ballast = path.join(mount, 'ballast');
    fs.writeFileSync(ballast, Buffer.alloc(3_700_000));
    const full = pretrain(mount, run);
    assert.equal(full.status, 1, full.stderr);
    assert.match(full.stderr, /The disk is full: /);
    fs.rmSync(ballast);
    const { status, stderr } = pretrain(mount, '--resume');
    assert.equal(status, 0, stderr);
    assert.deepEqual(checkpointBytes(mount), checkpointBytes(whole));
  } finally {
    spawnSync('umount', [mount]);
  }
});
