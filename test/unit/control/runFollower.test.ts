import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AgentLink } from '../../../src/control/nodes/agentLink.ts';
import { RunFollower } from '../../../src/control/runs/runFollower.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';

const run = '20260101-abcdefgh';

function follow(context: TestContext) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-follower-'));
  const store = new CacheStore(path.join(folder, 'cache.db'));
  context.after(() => {
    store.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const commits: number[] = [];
  const calls: string[] = [];
  const link = {
    open: true,
    call: async (method: string, { offset }: { offset: number }) => {
      calls.push(`${method} from ${offset}`);
      return {};
    },
  } as unknown as AgentLink;
  const follower = new RunFollower(
    link,
    store,
    (_run, _file, { metrics }) => {
      const loss = metrics.get('loss');
      commits.push(loss ? loss.to - loss.from : 0);
    },
    () => undefined,
  );
  follower.update({ run, state: 'running' } as RunReport);
  let offset = 0;
  const line = (step: number, change: { identity?: string; offset?: number; reset?: boolean } = {}): void => {
    const bytes = Buffer.from(
      `${JSON.stringify({ segment: 0, step, tokens: 0, time: 0, elapsed: 0, metrics: { loss: step } })}\n`,
    );
    const at = change.offset ?? offset;
    offset = at + bytes.length;
    follower.bytes(
      {
        run,
        file: 'metrics.jsonl',
        identity: change.identity ?? '1:1',
        reset: change.reset ?? false,
        offset: at,
      },
      bytes,
    );
  };
  const steps = (): number[] => [...store.columns(run).step.view()];
  return { follower, line, commits, calls, steps, store };
}

test('lines that come in one turn are saved together, in the next turn', async (context) => {
  const { line, commits, steps } = follow(context);
  for (const step of [1, 2, 3]) line(step);
  assert.equal(commits.length, 0);
  await nextTurn();
  line(4);
  await nextTurn();
  assert.deepEqual(commits, [3, 1]);
  assert.deepEqual(steps(), [1, 2, 3, 4]);
});

test('another file, a shorter one, and a hole are told apart from what goes on', async (context) => {
  const { line, calls, steps } = follow(context);
  line(1);
  line(2);
  line(7, { identity: '1:2', offset: 0 });
  line(8, { identity: '1:2' });
  await nextTurn();
  assert.deepEqual(steps(), [7, 8]);
  line(9, { identity: '1:2', offset: 0, reset: true });
  await nextTurn();
  assert.deepEqual(steps(), [9]);
  calls.length = 0;
  line(11, { identity: '1:2', offset: 999 });
  await nextTurn();
  assert.deepEqual(steps(), [9]);
  await nextTurn();
  assert.equal(calls.length, 1, 'followed again from what is stored');
});

test('what has come is saved when the link is gone, and nothing of a run that is gone', async (context) => {
  const { follower, line, commits, steps } = follow(context);
  line(1);
  follower.flush();
  assert.deepEqual(steps(), [1]);
  line(2);
  follower.forget(run);
  await nextTurn();
  assert.deepEqual(commits, [1]);
});

test('a store that was emptied under it is filled from the start', async (context) => {
  const { follower, line, calls, steps, store } = follow(context);
  await nextTurn();
  line(1);
  await nextTurn();
  store.deleteRun(run);
  line(2);
  calls.length = 0;
  follower.again();
  await nextTurn();
  await nextTurn();
  assert.ok(calls.length >= 2 && calls.every((call) => call === 'follow from 0'), calls.join());
  line(1, { offset: 0 });
  line(2);
  await nextTurn();
  assert.deepEqual(steps(), [1, 2]);
});
