import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import { type AgentProcess, TestRoot } from '../../support/agentProcess.ts';

let root: TestRoot;
let agent: AgentProcess;
before(async () => {
  root = new TestRoot();
  agent = root.agent();
  await agent.watch();
});
after(() => root.dispose());

const bare = { environment: {}, setup: [] };

/** Trainers that ever began in a run: each appends a `start` event. */
function starts(run: string): number {
  const begun = root.file(run, 'events.jsonl').toString().split('\n');
  return begun.filter((line) => line.includes('"type":"start"')).length;
}

test('a run is launched once, however often and from wherever it is asked for', async () => {
  const spec = root.spec(100_000);
  const agents = Array.from({ length: 4 }, () => root.agent());
  const answers = await Promise.all(
    [...agents, ...agents].map((a) => a.peer.call('launch', { spec, ...bare })),
  );
  assert.deepEqual(answers.map((a) => a.already).sort(), [false, true, true, true, true, true, true, true]);
  await agent.follow(spec.id, 'metrics.jsonl');
  await agent.untilLines(spec.id, 1);
  assert.deepEqual(await agents[0]!.peer.call('launch', { spec, ...bare }), { already: true });
  assert.equal(starts(spec.id), 1);
  assert.equal(root.living().length, 2);
  await agent.peer.call('stop', { run: spec.id });
  await agent.untilState(spec.id, 'stopped', 'finished');
  for (const a of agents) await a.hangUp();
});

test('another spec under the same id is refused', async () => {
  const spec = root.spec(3);
  await agent.peer.call('launch', { spec, ...bare });
  await assert.rejects(
    agent.peer.call('launch', { spec: { ...spec, name: 'other' }, ...bare }),
    (error: BiphaseError) => error.kind === 'refused' && error.message.includes('another spec'),
  );
  await agent.untilState(spec.id, 'finished');
});

for (const [title, left] of [
  ['only its directory', (): void => {}],
  [
    'a torn spec that was never renamed',
    (directory: string): void => fs.writeFileSync(path.join(directory, 'spec.json.1-0.tmp'), '{"sche'),
  ],
] as const) {
  test(`a launch that a crash cut short is completed by repeating it: ${title} was left`, async () => {
    const spec = root.spec(3);
    const directory = root.directory(spec.id);
    fs.mkdirSync(directory, { mode: 0o700 });
    left(directory);
    await agent.untilState(spec.id, 'starting');
    assert.deepEqual(await agent.peer.call('launch', { spec, ...bare }), { already: false });
    await agent.untilState(spec.id, 'finished');
    assert.equal(starts(spec.id), 1);
  });
}

test('a lock whose holder is dead is taken over', async () => {
  const spec = root.spec(3);
  const { bootId, host } = await agent.peer.call('hello', { protocol: 1 });
  const locks = path.join(root.directory(spec.id), 'locks');
  fs.mkdirSync(locks, { recursive: true });
  fs.writeFileSync(
    path.join(locks, 'segment-0.0.json'),
    JSON.stringify({ pid: process.pid, startTime: '1', host, bootId }),
  );
  assert.deepEqual(await agent.peer.call('launch', { spec, ...bare }), { already: false });
  await agent.untilState(spec.id, 'finished');
});

test('beside an editor, and only there, a run leaves the processors to others first', async () => {
  const beside = root.agent(['--background']);
  await beside.watch();
  const nicenessOf = async (launcher: AgentProcess): Promise<number[]> => {
    const spec = root.spec(100_000);
    await launcher.peer.call('launch', { spec, ...bare });
    await launcher.untilState(spec.id, 'running');
    const { pid } = root.state(spec.id).trainer;
    // Linux weighs sessions against each other first; where it does not, the file is not there.
    const autogroup = `/proc/${pid}/autogroup`;
    const session = fs.existsSync(autogroup)
      ? Number(/nice (-?\d+)/.exec(fs.readFileSync(autogroup, 'utf8'))?.[1])
      : os.getPriority(pid);
    const own = os.getPriority(pid);
    await launcher.peer.call('stop', { run: spec.id });
    await launcher.untilState(spec.id, 'stopped');
    return [own, session];
  };
  const low = os.constants.priority.PRIORITY_BELOW_NORMAL;
  assert.deepEqual(await nicenessOf(beside), [low, low]);
  const usual = os.getPriority();
  assert.deepEqual((await nicenessOf(agent))[0], usual);
  await beside.hangUp();
});

test('environment and setup reach the trainer as they are, and are not stored', async () => {
  const spec = root.spec(3);
  const secret = 'a "b" $HOME `id` \\ \u00e4';
  await agent.peer.call('launch', {
    spec,
    environment: { BIPHASE_TEST_VALUE: secret },
    setup: ['echo "setup saw: $BIPHASE_TEST_VALUE"', 'export BIPHASE_TEST_OTHER=1'],
  });
  await agent.untilState(spec.id, 'finished');
  const output = root.file(spec.id, 'output.log').toString();
  assert.ok(output.includes(`setup saw: ${secret}\n`), output);
  for (const entry of fs.readdirSync(root.directory(spec.id), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'output.log') continue;
    assert.ok(!fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8').includes(secret), entry.name);
  }
});

test('a run whose file cannot be is failed, with the sentence', async () => {
  const spec = root.spec(3, { phases: [{ objective: 'clm', untli: 3 }] });
  await agent.peer.call('launch', { spec, ...bare });
  await agent.untilState(spec.id, 'failed');
  assert.match(agent.reports.get(spec.id)?.reason ?? '', /untli/);
});

test('a launch without its bundle says which is missing and leaves nothing behind', async () => {
  const spec = { ...root.spec(3), bundle: 'feedbeef' };
  await assert.rejects(
    agent.peer.call('launch', { spec, ...bare }),
    (error: BiphaseError) => error.kind === 'missing' && error.message.includes('feedbeef'),
  );
  assert.equal(fs.existsSync(root.directory(spec.id)), false);
});

test('what cannot be an environment variable is a usage error', async () => {
  for (const environment of [{ 'A=B': '1' }, { A: 'x\0y' }, { '': '1' }]) {
    await assert.rejects(
      agent.peer.call('launch', { spec: root.spec(3), environment: environment as never, setup: [] }),
      (error: BiphaseError) => error.kind === 'usage',
    );
  }
});

test('everything under the root belongs to its user alone, and nothing is written beside it', async () => {
  const home = fs.mkdtempSync(path.join(root.path, 'home-'));
  const place = path.join(home, 'place');
  const other = new TestRoot();
  try {
    const alone = other.agent();
    const spec = other.spec(3);
    await alone.watch();
    await alone.peer.call('launch', { spec, ...bare });
    await alone.untilState(spec.id, 'finished');
    assert.equal(fs.existsSync(place), false);
    for (const entry of fs.readdirSync(path.join(other.path, 'runs'), {
      recursive: true,
      withFileTypes: true,
    })) {
      const { mode } = fs.lstatSync(path.join(entry.parentPath, entry.name));
      assert.equal(mode & 0o077, 0, `${entry.name} is open to others`);
    }
  } finally {
    await other.dispose();
  }
});
