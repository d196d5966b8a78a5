import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import type { TransferProgress } from '../../../src/protocol/controlApi.ts';
import { controlOptions } from '../../support/controlWindow.ts';
import type { FaultProxy } from '../../support/faultProxy.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { type ProxiedNode, startProxiedNode } from '../../support/proxiedNode.ts';
import { smallRun } from '../../support/smallRun.ts';
import { sshdPath } from '../../support/sshd.ts';

const repository = path.resolve(import.meta.dirname, '../../..');
const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
const mebibyte = 1 << 20;
/** What SSH's window and the sockets of a busy machine hold when a link is cut: it comes to nothing. */
const inFlight = 4 * mebibyte;

let person: PrivateHome;
let node: ProxiedNode;
let proxy: FaultProxy;
let client: ControlClient;
let corpora: string;
/** While this file is there, the node's df says that 1,000 KiB are free. */
let diskIsFull: string;

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  const programs = path.join(person.folder, 'programs');
  fs.mkdirSync(programs);
  diskIsFull = path.join(person.folder, 'disk-is-full');
  const df = `#!/bin/sh
[ -e '${diskIsFull}' ] || exec /usr/bin/df "$@"
echo Filesystem 1024-blocks Used Available Capacity Mounted on
echo /dev/none 2000 1000 1000 50% /
`;
  fs.writeFileSync(path.join(programs, 'df'), df, { mode: 0o700 });
  node = await startProxiedNode(person, { programs });
  proxy = node.proxy;
  corpora = path.join(node.root, 'cache/corpora');
  client = await connectControl(controlOptions(person, { stateFolder: path.join(person.folder, 's') }));
  await client.call('addNode', { config: { name: 'atlas', kind: 'ssh', host: 'atlas' } });
  const tested = await client.call('testNode', { name: 'atlas' });
  assert.ok(tested.ok, tested.findings.join('\n'));
});

after(async () => {
  client?.dispose();
  await proxy?.close();
  await node?.sshd.stop();
  if (person) await removePrivateHome(person);
});

let runs = 0;
const newRun = (): string => `20260101-staged${String(runs++).padStart(2, '0')}`;

function runFile(source: string) {
  return smallRun(3, {
    data: { ...smallRun(3).data, source: `local:${source}`, validation: { tokens: 256 } },
  });
}

/** Lines of JSON whose text is another one in every corpus of another seed. */
function lines(bytes: number, seed: string): string {
  const found: string[] = [];
  for (let length = 0, n = 0; length < bytes; n++) {
    found.push(JSON.stringify({ text: `${seed} ${n} ${'The cat sat on the mat. '.repeat(40)}` }));
    length += found.at(-1)!.length + 1;
  }
  return `${found.join('\n')}\n`;
}

function makeCorpus(name: string, files: Record<string, string>): string {
  const folder = path.join(person.folder, name);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

/** Resolves with the first news of a copy that `fits`. */
function news(run: string, fits: (progress: TransferProgress) => boolean): Promise<TransferProgress> {
  return new Promise((resolve) => {
    const off = client.on('transfer', (progress) => {
      if (progress.transfer !== run || !fits(progress)) return;
      off();
      resolve(progress);
    });
  });
}

const copying = ({ doing, done }: TransferProgress): boolean => doing.startsWith('copying') && done > 0;

/** The staged corpora that are whole. */
const staged = (): string[] =>
  fs.existsSync(corpora) ? fs.readdirSync(corpora).filter((name) => !name.startsWith('.')) : [];

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Waits until control says that a run is in a state, and for `running` that it has made a step. */
async function state(run: string, wanted: 'running' | 'stopped' | 'finished'): Promise<void> {
  const there = async (): Promise<boolean> => {
    const { runs: all } = await client.call('runs', {});
    const now = all.find((each) => each.run === run);
    assert.notEqual(now?.state, 'failed', now?.reason);
    return now?.state === wanted && (wanted !== 'running' || now.step > 0);
  };
  if (await there()) return;
  await new Promise<void>((resolve, reject) => {
    const off = client.on('runs', () => {
      there().then((yes) => {
        if (!yes) return;
        off();
        resolve();
      }, reject);
    });
  });
}

async function ended(run: string): Promise<Record<string, unknown>> {
  const directory = path.join(node.root, 'runs', run);
  await state(run, 'finished');
  return JSON.parse(fs.readFileSync(path.join(directory, 'resolved-0.json'), 'utf8'));
}

test('a corpus of this machine is copied through a cut, whole and once, and the run reads the copy', {
  skip,
}, async () => {
  const canary = path.join(person.folder, 'canary');
  const hostile = [
    `it's "quoted" $(touch ${canary.replaceAll('/', '_')}) \`touch canary\`.txt`,
    'two\nlines!.md',
    '-rf ~ *.txt',
    'back\\slash; ü 漢.txt',
    `${'long'.repeat(62)}.jsonl`,
    'part.part1.txt',
  ];
  const corpus = makeCorpus('corpus', {
    'big.jsonl': lines(12 * mebibyte, 'first'),
    'inner/$HOME/small.txt': 'A dog ran.\n',
    ...Object.fromEntries(hostile.map((name) => [name, lines(name.length * 10, name)])),
    '.hidden.txt': 'not read',
    'picture.png': 'not read',
  });
  const bytes = filesBelow(corpus).reduce((sum, file) => sum + fs.statSync(path.join(corpus, file)).size, 0);
  const run = newRun();
  const sentBefore = proxy.sent;
  const loginsBefore = node.sshd.logins();
  proxy.cutAfter(9 * mebibyte);
  const seen: TransferProgress[] = [];
  const off = client.on('transfer', (progress) => seen.push(progress));
  await client.call('launch', { file: runFile(corpus), node: 'atlas', run });
  off();
  assert.equal(node.sshd.logins(), loginsBefore + 1, 'it was cut once');
  const sent = proxy.sent - sentBefore;
  assert.ok(sent < bytes + inFlight, `${sent} bytes for ${bytes}`);
  assert.ok(seen.some(({ doing }) => doing === 'reading the corpus'));
  assert.ok(seen.some(({ done, total }) => done > 0 && done < total));

  const [hash] = staged();
  const copy = path.join(corpora, hash!, 'files');
  const read = filesBelow(corpus).filter((file) => !/^\.hidden|\.png$/.test(file));
  assert.deepEqual(filesBelow(copy), read);
  for (const file of read)
    assert.ok(fs.readFileSync(path.join(copy, file)).equals(fs.readFileSync(path.join(corpus, file))), file);
  assert.deepEqual(fs.readdirSync(corpora), [hash], 'nothing half is left');
  assert.deepEqual(
    fs.readdirSync(person.folder).filter((name) => /canary/.test(name)),
    [],
  );
  assert.deepEqual(fs.readdirSync(path.dirname(node.root)), ['.biphase']);

  const resolved = (await ended(run)) as { data: Record<string, unknown> };
  assert.equal(resolved.data.source, `cache:${hash}`);
  assert.equal(resolved.data.stagedFrom, `local:${corpus}`);
  const spec = JSON.parse(fs.readFileSync(path.join(node.root, 'runs', run, 'spec.json'), 'utf8'));
  assert.equal(spec.file.data.source, `local:${corpus}`, 'the file is what the person wrote');

  const repeated = await client.call('launch', { file: runFile(corpus), node: 'atlas', run });
  assert.deepEqual(repeated, { already: true });

  const again = newRun();
  const before = proxy.sent;
  await client.call('launch', { file: runFile(corpus), node: 'atlas', run: again });
  assert.ok(proxy.sent - before < 64 << 10, `${proxy.sent - before} bytes the second time`);
  const other = (await ended(again)) as { data: Record<string, unknown> };
  assert.equal(other.data.corpusHash, resolved.data.corpusHash);
});

test('many small files travel together, through cuts', { skip }, async () => {
  const files = Array.from({ length: 1500 }, (_, n) => [`${n % 7}/${n}.txt`, lines(8000, `small ${n}`)]);
  const corpus = makeCorpus('small', Object.fromEntries(files));
  const bytes = files.reduce((sum, [, text]) => sum + text!.length, 0);
  const before = new Set(staged());
  const run = newRun();
  const sentBefore = proxy.sent;
  // Within the first pack, and within the second.
  proxy.limit(8 * mebibyte);
  proxy.cutAfter(7 * mebibyte);
  let sentAtSecond = Number.NaN;
  const second = news(run, (progress) => copying(progress) && progress.done > 10 * mebibyte).then(() => {
    sentAtSecond = proxy.sent;
    proxy.reset();
    proxy.limit(0);
  });
  await client.call('launch', { file: runFile(corpus), node: 'atlas', run });
  await second;
  const first = sentAtSecond - sentBefore;
  assert.ok(first < 10 * mebibyte + 2 * inFlight, `${first} bytes up to the second cut`);
  const rest = proxy.sent - sentAtSecond;
  assert.ok(rest < bytes - 10 * mebibyte + inFlight, `${rest} bytes after it`);
  const [hash] = staged().filter((name) => !before.has(name));
  const copy = path.join(corpora, hash!, 'files');
  assert.deepEqual(filesBelow(copy), filesBelow(corpus));
  for (const [name, text] of files) assert.equal(fs.readFileSync(path.join(copy, name!), 'utf8'), text);
  await client.call('kill', { run });
});

test('a copy that was cancelled starts nothing and goes on where it was', { skip }, async () => {
  const file = path.join(
    makeCorpus('cancelled', { 'text.jsonl': lines(12 * mebibyte, 'second') }),
    'text.jsonl',
  );
  const { size } = fs.statSync(file);
  const before = staged();
  const run = newRun();
  proxy.limit(4 * mebibyte);
  const sentBefore = proxy.sent;
  const half = news(run, (progress) => copying(progress) && progress.done > 8 * mebibyte);
  const launch = client.call('launch', { file: runFile(file), node: 'atlas', run });
  await Promise.race([half, launch]);
  assert.deepEqual(await client.call('cancelTransfer', { transfer: run }), { found: true });
  await assert.rejects(launch, { kind: 'cancelled' });
  proxy.limit(0);
  assert.ok(!fs.existsSync(path.join(node.root, 'runs', run)));
  assert.deepEqual(staged(), before);

  const again = newRun();
  await client.call('launch', { file: runFile(file), node: 'atlas', run: again });
  const sent = proxy.sent - sentBefore;
  assert.ok(sent < size + inFlight, `${sent} bytes for ${size}`);
  assert.equal(staged().length, before.length + 1);
  await client.call('kill', { run: again });
});

test('a corpus that changes while it is copied is refused', { skip }, async () => {
  const corpus = makeCorpus('changing', {
    'text.jsonl': lines(4 * mebibyte, 'third'),
    'z.txt': 'A dog ran.\n',
  });
  const before = staged();
  for (const change of [
    () => fs.appendFileSync(path.join(corpus, 'z.txt'), 'And more.\n'),
    () => fs.writeFileSync(path.join(corpus, 'new.txt'), 'A new one.\n'),
    () => fs.rmSync(path.join(corpus, 'new.txt')),
  ]) {
    const run = newRun();
    proxy.limit(4 * mebibyte);
    const begun = news(run, copying).then(change);
    await assert.rejects(client.call('launch', { file: runFile(corpus), node: 'atlas', run }), {
      kind: 'refused',
      message: /changed while the corpus was copied/,
    });
    await begun;
    proxy.limit(0);
    assert.deepEqual(staged(), before);
    assert.ok(!fs.existsSync(path.join(node.root, 'runs', run)));
  }
});

test('a stopped run reads its copy again; a copy that is gone is made anew from the same corpus only', {
  skip,
}, async () => {
  const corpus = makeCorpus('resumed', { 'text.jsonl': lines(100_000, 'fourth') });
  const file = { ...runFile(corpus), phases: [{ objective: 'clm', until: 1_000_000 }] };
  const run = newRun();
  await client.call('launch', { file, node: 'atlas', run });
  const directory = path.join(node.root, 'runs', run);
  await state(run, 'running');
  await client.call('stop', { run });
  await state(run, 'stopped');
  const { sha256 } = JSON.parse(fs.readFileSync(path.join(directory, 'spec.json'), 'utf8')).staged;
  fs.rmSync(path.join(corpora, sha256), { recursive: true });
  fs.renameSync(corpus, `${corpus}-moved`);
  makeCorpus('resumed', { 'text.jsonl': lines(100_000, 'fifth') });
  await assert.rejects(client.call('resume', { run }), {
    kind: 'refused',
    message: /^The corpus of this run is gone from atlas\. .* is not the corpus that this run began with\.$/,
  });
  fs.rmSync(corpus, { recursive: true });
  await assert.rejects(client.call('resume', { run }), {
    kind: 'missing',
    message:
      /^The corpus of this run is gone from atlas\. This computer has no .*resumed to read text from\.$/,
    next: 'Resume the run from the machine that has it.',
  });
  fs.renameSync(`${corpus}-moved`, corpus);
  await client.call('resume', { run });
  await state(run, 'running');
  await client.call('stop', { run });
  await state(run, 'stopped');
  const resolved = JSON.parse(fs.readFileSync(path.join(directory, 'resolved-1.json'), 'utf8'));
  assert.equal(resolved.data.source, `cache:${sha256}`);
});

test('on the command line a copy is told and Ctrl+C ends it; the path is meant beside the file', {
  skip,
}, async () => {
  const corpus = makeCorpus('typed', { 'text.jsonl': lines(6 * mebibyte, 'sixth') });
  const file = path.join(person.folder, 'typed.run.yaml');
  fs.writeFileSync(file, JSON.stringify(runFile(path.basename(corpus))));
  const before = staged();
  const launch = () =>
    spawn(process.execPath, [path.join(repository, 'dist/biphase.mjs'), 'launch', file, '--node', 'atlas'], {
      env: { ...person.environment, BIPHASE_STATE: path.join(person.folder, 's') },
      cwd: '/',
    });
  const outcome = async (child: ChildProcess, onText: (text: string) => void = () => {}) => {
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        text += chunk;
        onText(text);
      });
    const [code] = (await once(child, 'close')) as [number];
    return { code, text };
  };
  proxy.limit(4 * mebibyte);
  const cut = launch();
  let interrupted = false;
  const ended = await outcome(cut, (text) => {
    if (interrupted) return;
    interrupted = /copying the corpus to atlas: \d+ % of 6 MiB/.test(text);
    if (interrupted) cut.kill('SIGINT');
  });
  proxy.limit(0);
  assert.match(ended.text, /The copy was cancelled\./);
  assert.equal(ended.code, 1);
  assert.deepEqual(staged(), before);
  const done = await outcome(launch());
  assert.equal(done.code, 0, done.text);
  assert.equal(staged().length, before.length + 1);
});

test('a disk that is too small is told before anything is sent', { skip }, async () => {
  const corpus = makeCorpus('large', { 'text.jsonl': lines(2 * mebibyte, 'seventh') });
  fs.writeFileSync(diskIsFull, '');
  const sent = proxy.sent;
  await assert.rejects(client.call('launch', { file: runFile(corpus), node: 'atlas', run: newRun() }), {
    kind: 'full',
    message: /^The copy needs 2 MiB, and .* has 0\.98 MiB free\.$/,
  });
  fs.rmSync(diskIsFull);
  assert.ok(proxy.sent - sent < 64 << 10);
});

test('a path that is not on this computer is one sentence before anything runs', { skip }, async () => {
  const file = runFile('/no/such/corpus');
  const check = await client.call('checkLaunch', { file, node: 'atlas' });
  assert.equal(check.fits, false);
  assert.match(check.sentences.join('\n'), /This computer has no \/no\/such\/corpus/);
  await assert.rejects(client.call('launch', { file, node: 'atlas', run: newRun() }), {
    kind: 'missing',
    message: /This computer has no \/no\/such\/corpus/,
  });
  // Of a file that nobody saved, say.
  for (const name of ['atlas', 'local']) {
    const unsaved = { file: runFile('corpus'), node: name };
    await assert.rejects(client.call('launch', { ...unsaved, run: newRun() }), {
      kind: 'usage',
      message: '"local:corpus" is not an absolute path.',
    });
    if (name === 'local') continue;
    const { sentences } = await client.call('checkLaunch', unsaved);
    assert.match(sentences.join('\n'), /"local:corpus" is not an absolute path\. Save the run file/);
  }
});
