import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ControlConnection } from '../../../src/control/client/controlConnection.ts';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';
import { controlOptions } from '../../support/controlWindow.ts';
import { holdersOf } from '../../support/holdersOf.ts';
import {
  makePrivateHome,
  type PrivateHome,
  processesOf,
  removePrivateHome,
} from '../../support/privateHome.ts';
import { makeKey, type Sshd, sshdPath, startSshd } from '../../support/sshd.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const controlFile = path.join(repository, 'dist/control.mjs');
const canary = 'canary-51cc-passphrase';
const run = '20260101-sshlaunc';
const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';

let person: PrivateHome;
let nodePerson: PrivateHome;
let root: string;
let sshd: Sshd;
let windows: ControlConnection[];
let secretsAsked = 0;
/** What the windows' SecretStorage holds. */
let stored: string | null = null;

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  nodePerson = makePrivateHome();
  root = path.join(nodePerson.folder, 'root');
  fs.mkdirSync(path.join(person.home, '.ssh'), { mode: 0o700 });
  const key = makeKey(path.join(person.home, '.ssh/atlas_key'), { passphrase: canary });
  sshd = await startSshd({
    folder: path.join(nodePerson.folder, 'sshd'),
    authorized: [`${key}.pub`],
    environment: nodePerson.environment,
  });
  fs.writeFileSync(
    path.join(person.home, '.ssh/config'),
    `Host atlas\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ~/.ssh/atlas_key\n`,
  );
  windows = [await openWindow(), await openWindow()];
});

after(async () => {
  for (const window of windows ?? []) window.dispose();
  await sshd?.stop();
  if (person) await removePrivateHome(person);
  if (nodePerson) await removePrivateHome(nodePerson);
});

/** A client as a VS Code window is one: it answers the questions of control. */
async function openWindow(): Promise<ControlConnection> {
  const window = new ControlConnection(controlOptions(person));
  window.on('prompt', (prompt) => {
    const quiet = prompt.kind === 'secret' && prompt.quiet;
    if (prompt.kind === 'secret' && !quiet) secretsAsked++;
    const answer = quiet ? stored : prompt.kind === 'secret' ? canary : 'yes';
    void window.call('answerPrompt', { id: prompt.id, answer }).catch(() => undefined);
  });
  await window.connect();
  await window.call('focus', {});
  return window;
}

async function until<T>(what: string, look: () => Promise<T | undefined>, seconds = 60): Promise<T> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within ${seconds} s: ${what}`);
}

async function summary(): Promise<RunSummary | undefined> {
  return (await windows[0]!.call('runs', {})).runs.find((each) => each.run === run);
}

const reached = (step: number) =>
  until(`step ${step}`, async () => {
    const now = await summary();
    return now && now.step >= step && now.connected ? now : undefined;
  });

/** A kill proves something only while the trainer works. */
async function stillRunning(): Promise<void> {
  assert.equal((await summary())?.state, 'running');
  assert.ok(!fs.existsSync(path.join(root, 'runs', run, 'exit.json')));
}

function processWith(words: string[], of: PrivateHome): number {
  const found = processesOf(of).find(({ command }) => words.every((word) => command.includes(word)));
  assert.ok(found, `${words.join(' ')} among ${JSON.stringify(processesOf(of))}`);
  return found.pid;
}

/** Every (segment, step, loss) in the store and in the node's file. */
async function bothCopies(): Promise<{ stored: string[]; written: string[] }> {
  const request = {
    run,
    metric: 'loss',
    x: 'step' as const,
    from: null,
    to: null,
    pixels: 16384,
    smoothing: null,
  };
  const { value, binary } = await windows[0]!.callWithBytes('series', request);
  const bytes = Buffer.from(binary ?? []);
  const n = value.points;
  const stored = Array.from({ length: n }, (_, i) =>
    [
      bytes.readUInt16LE(20 * n + 2 * i),
      bytes.readUInt32LE(16 * n + 4 * i),
      bytes.readDoubleLE(8 * n + 8 * i),
    ].join(),
  );
  const written = fs
    .readFileSync(path.join(root, 'runs', run, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { segment: number; step: number; metrics: { loss?: number } })
    .filter((line) => line.metrics.loss !== undefined)
    .map((line) => [line.segment, line.step, line.metrics.loss].join());
  return { stored, written };
}

test('a run over SSH outlives connection, control and agent; every point is stored once', {
  skip,
}, async () => {
  const [window] = windows as [ControlConnection];
  const nodePath = process.execPath;
  await window.call('addNode', { config: { name: 'atlas', kind: 'ssh', host: 'atlas', root, nodePath } });
  const tested = await window.call('testNode', { name: 'atlas' });
  assert.ok(tested.ok, tested.findings.join('\n'));
  assert.equal(secretsAsked, 1);
  assert.equal(sshd.logins(), 1);
  const file = {
    name: 'over-ssh',
    model: 'micro',
    data: { source: 'world', tokenizer: { train: { vocabSize: 512 } }, packing: { length: 64 } },
    batch: { samples: 2 },
    // Goes on until it is stopped, however fast the machine is.
    phases: [{ objective: 'clm', until: 1_000_000 }],
    checkpoints: { every: 1_000_000 },
    validate: { every: 1_000_000 },
    engine: { threads: 1 },
  };
  await window.call('launch', { file, node: 'atlas', run });
  await reached(5);
  assert.equal(sshd.logins(), 1, 'two windows share one login');

  await stillRunning();
  sshd.killSessions();
  await until('a second login', async () => (sshd.logins() >= 2 ? true : undefined));
  await reached(20);

  await stillRunning();
  const agent = processWith(['agent', '--root', root], nodePerson);
  process.kill(agent, 'SIGKILL');
  await until('a new agent', async () =>
    processesOf(nodePerson).find(({ pid, command }) => pid !== agent && command.includes('agent --root')),
  );
  await reached(40);

  await stillRunning();
  process.kill(processWith([controlFile], person), 'SIGKILL');
  // The new control asks nobody by itself: the passphrase died with the old one, so the node waits for its person.
  const waits = await until('a node that needs its person', async () =>
    (await window.call('nodes', {})).nodes.find(
      ({ config, connection }) => config.name === 'atlas' && connection === 'needs-you',
    ),
  );
  assert.ok(waits.message);
  await window.call('reconnectNode', { name: 'atlas' });
  assert.equal(secretsAsked, 2);
  await reached(60);

  // A passphrase in SecretStorage brings the node back without a question.
  stored = canary;
  await stillRunning();
  process.kill(processWith([controlFile], person), 'SIGKILL');
  await reached(80);
  assert.equal(secretsAsked, 2);

  await stillRunning();
  await window.call('stop', { run });
  await until('the end', async () => ((await summary())?.state === 'stopped' ? true : undefined));
  const copies = await until('all points', async () => {
    const now = await bothCopies();
    return now.stored.length >= now.written.length ? now : undefined;
  });
  assert.equal(new Set(copies.stored).size, copies.stored.length);
  assert.deepEqual(copies.stored, copies.written);
  assert.ok(copies.written.length >= 80);

  assert.deepEqual(holdersOf(canary, [person.folder, nodePerson.folder]), []);
});
