import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CurrentJob } from '../../../../src/agent/slurm/jobRecord.ts';
import { JobWatch } from '../../../../src/agent/slurm/jobWatch.ts';

const begun = { begun: true, quietSeconds: 0 };

/** A squeue that prints what the test says, and counts how often it was asked. */
class FakeQueue {
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-squeue-'));

  constructor(context: TestContext) {
    context.after(() => fs.rmSync(this.#folder, { recursive: true }));
    const script = '#!/bin/sh\ncd "$(dirname "$0")" || exit 1\necho x >> asked\ncat answer\n';
    fs.writeFileSync(path.join(this.#folder, 'squeue'), script, { mode: 0o700 });
  }

  /** Undefined: it fails. */
  says(answer: string | undefined): void {
    const file = path.join(this.#folder, 'answer');
    if (answer === undefined) fs.rmSync(file);
    else fs.writeFileSync(file, answer);
  }

  get asked(): number {
    return fs.readFileSync(path.join(this.#folder, 'asked'), 'utf8').length / 2;
  }

  job(id: string): CurrentJob {
    const record = {
      ...{ schema: 1, jobId: id, segment: 0, jobName: `biphase-${id}`, submittedAt: 1, options: {} },
      ...{ tools: { folder: this.#folder }, checkpoint: -1, fruitless: 0 },
    };
    return { id, segment: 0, record };
  }
}

test('one question answers for all runs, and none follows at once', async (context) => {
  const queue = new FakeQueue(context);
  queue.says('1|RUNNING|None|n1|1:00|biphase-1\n2|PENDING|Priority||1:00|biphase-2\n');
  const changed: string[] = [];
  const watch = new JobWatch((run) => changed.push(run));
  context.after(() => watch.close());
  const seen = (): unknown[] =>
    ['1', '2', '3'].map((id) => watch.facts(`run ${id}`, queue.job(id), begun).seen);
  assert.deepEqual(seen(), ['unknown', 'unknown', 'unknown']);
  await watch.look(new Map([['run 1', queue.job('1')]]));
  assert.deepEqual(seen(), ['running', 'pending', 'ended']);
  assert.deepEqual([...new Set(changed)], ['run 1', 'run 2', 'run 3']);
  assert.match(watch.facts('run 2', queue.job('2'), begun).sentence ?? '', /higher priority/);
  assert.equal(queue.asked, 2, 'the first, and the one that was looked for');
});

test('a Slurm that does not answer changes nothing that was seen', async (context) => {
  const queue = new FakeQueue(context);
  const watch = new JobWatch(() => {});
  context.after(() => watch.close());
  queue.says('1|RUNNING|None|n1|1:00|biphase-1\n');
  await watch.look(new Map([['run', queue.job('1')]]));
  queue.says(undefined);
  await watch.look(new Map([['run', queue.job('1')]]));
  const { seen, sentence, settled } = watch.facts('run', queue.job('1'), begun);
  assert.deepEqual([seen, settled], ['running', false]);
  assert.match(sentence ?? '', /^Slurm cannot be asked/);
  await watch.look(new Map([['new', queue.job('2')]]));
  assert.equal(watch.facts('new', queue.job('2'), begun).seen, 'unknown');
});

test('what was over long before anybody looked needs no grace', async (context) => {
  const queue = new FakeQueue(context);
  const watch = new JobWatch(() => {});
  context.after(() => watch.close());
  queue.says('');
  await watch.look(new Map([['run', queue.job('1')]]));
  const settled = (quietSeconds: number): boolean =>
    watch.facts('run', queue.job('1'), { begun: true, quietSeconds }).settled;
  assert.deepEqual([settled(1), settled(1000)], [false, true]);
  assert.ok(watch.hasEnded('1'));
});
