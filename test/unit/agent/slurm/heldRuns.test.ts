import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { NodeRoot } from '../../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../../src/agent/processTable.ts';
import { HeldRuns } from '../../../../src/agent/slurm/heldRuns.ts';
import { whyHeld } from '../../../../src/agent/slurm/jobSentence.ts';
import { releaseHeld } from '../../../../src/agent/slurm/releaseHeld.ts';

const [a, b, c] = ['20250101-aaaaaaaa', '20250101-bbbbbbbb', '20250101-cccccccc'] as const;
const table: ProcessTable = { host: 'here', bootId: 'boot', startTime: () => undefined } as never;

/** A root with the scripts `squeue` and `scontrol`, which print what the test says and note what they were asked. */
function makeRoot(context: TestContext) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-held-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const root = new NodeRoot(path.join(folder, 'root'));
  root.prepare();
  const script = (name: string, body: string): void =>
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\ncd '${folder}' || exit 1\n${body}\n`, {
      mode: 0o700,
    });
  script('squeue', 'cat answer');
  script('scontrol', '[ -e answer ] || exit 1; echo "$@" >> asked');
  const put = (run: string, file: string, content: object): void => {
    fs.mkdirSync(root.runDirectory(run), { recursive: true });
    fs.writeFileSync(path.join(root.runDirectory(run), file), JSON.stringify(content));
  };
  return {
    root,
    held: new HeldRuns(root),
    says: (answer: string) => fs.writeFileSync(path.join(folder, 'answer'), answer),
    silent: () => fs.rmSync(path.join(folder, 'answer'), { force: true }),
    asked: (): string => {
      const file = path.join(folder, 'asked');
      return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    },
    submitted: (run: string): void =>
      put(run, 'slurm.json', {
        ...{ schema: 1, jobId: null, segment: 0, jobName: `biphase-${run}-0`, submittedAt: 1, options: {} },
        ...{ tools: { folder }, checkpoint: -1, fruitless: 0 },
      }),
    ended: (run: string, code: number): void =>
      put(run, 'exit.json', { schema: 1, segment: 0, code, signal: null, endedAt: 1 }),
  };
}

test('a job goes when the last run has finished, by the number that Slurm knows it by', async (context) => {
  const { root, held, says, asked, submitted, ended } = makeRoot(context);
  held.hold(a, [b, c]);
  submitted(a);
  says(`7|PENDING|JobHeldUser||1:00|biphase-${a}-0\n`);
  assert.deepEqual(held.waitsFor(a), [b, c]);
  ended(b, 0);
  ended(c, 1);
  assert.deepEqual(await releaseHeld(root, table), []);
  assert.deepEqual(held.waitsFor(a), [c]);
  assert.equal(asked(), '');
  ended(c, 0);
  await releaseHeld(root, table);
  assert.equal(asked(), 'release 7\n');
  assert.equal(held.waitsFor(a), null);
});

test('while Slurm is silent nothing is forgotten, and a job that is still being submitted is waited for', async (context) => {
  const { root, held, says, silent, asked, submitted } = makeRoot(context);
  held.hold(a, [b]);
  held.strike(a, [b, '../../..']);
  fs.mkdirSync(root.runDirectory(a));
  assert.deepEqual(await releaseHeld(root, table), []);
  assert.deepEqual(held.waitsFor(a), [], 'its record is not there yet');
  submitted(a);
  silent();
  assert.match((await releaseHeld(root, table)).join(), /still held: Slurm cannot be asked/);
  says('');
  assert.deepEqual(await releaseHeld(root, table), []);
  assert.deepEqual(held.list(), [a], 'sbatch has not answered yet');
  says(`7|PENDING|JobHeldUser||1:00|biphase-${a}-0\n`);
  await releaseHeld(root, table);
  assert.equal(asked(), 'release 7\n');
  assert.deepEqual(held.list(), []);
});

test('what was stopped, deleted or released by hand is released no more', async (context) => {
  const { root, held, says, asked, submitted, ended } = makeRoot(context);
  for (const run of [a, b, c]) held.hold(run, []);
  submitted(a);
  ended(a, 3);
  submitted(b);
  says(`8|RUNNING|None||1:00|biphase-${b}-0\n`);
  await releaseHeld(root, table);
  assert.equal(asked(), '');
  assert.deepEqual(held.list(), []);
});

test('a run that is held stays as it is held, and other things in the folder are no runs', (context) => {
  const { root, held } = makeRoot(context);
  held.hold(a, [b]);
  held.hold(a, [c]);
  assert.deepEqual(held.waitsFor(a), [b]);
  fs.writeFileSync(path.join(root.queues, 'held/notes.txt'), '');
  fs.mkdirSync(path.join(root.queues, `held/.${b}-x.tmp`));
  assert.deepEqual(held.list(), [a]);
});

test('a sentence says for what a job is held, and what to do where that will not come', () => {
  assert.equal(
    whyHeld([{ run: b }, { run: c, name: 'stable\u001b[31m', state: 'running' }]),
    `It waits for ${b}, stable\ufffd[31m (${c}) to finish; Slurm holds its job until then.`,
  );
  assert.equal(
    whyHeld([
      { run: b, state: 'finished' },
      { run: c, name: 'x', state: 'failed' },
    ]),
    `It waits for x (${c}), which has failed: resume that run, or stop this one.`,
  );
});
