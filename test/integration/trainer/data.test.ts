import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { trainTokenizer } from '../../../src/trainer/data/trainTokenizer.ts';
import { worldDocuments } from '../../../src/trainer/data/worldDocuments.ts';
import { FakeHub } from '../../support/fakeHub.ts';

const main = fileURLToPath(new URL('../../../src/cli/nodeMain.ts', import.meta.url));
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-data-'));
const texts = [...worldDocuments(0, 600)];
const commit = '1'.repeat(40);

function parquet(some: string[]): Uint8Array {
  const columnData = [{ name: 'text', data: some, type: 'STRING' as const }];
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 50 }));
}

const hub = new FakeHub({
  'org/words': {
    commit,
    files: { 'data/a.parquet': parquet(texts.slice(0, 300)), 'data/b.parquet': parquet(texts.slice(300)) },
  },
  'org/model': { commit, files: { 'tokenizer.json': Buffer.from(await trainTokenizer(texts, 400)) } },
});
before(() => hub.start());
after(async () => {
  await hub.stop().catch(() => {});
  fs.rmSync(root, { recursive: true, force: true });
});

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function biphase(...args: string[]): Promise<Outcome> {
  const env = { ...process.env, BIPHASE_ROOT: root, HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_secret' };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

let runs = 0;
function runFile(source: string, data: object = {}, more: object = {}): string {
  const file = path.join(root, `${runs++}.run.yaml`);
  const content = {
    model: { hiddenSize: 32, layers: 1, heads: 2, intermediateSize: 64 },
    data: {
      source,
      tokenizer: { train: { vocabSize: 300 } },
      packing: { length: 32 },
      validation: { tokens: 256 },
      ...data,
    },
    batch: { samples: 8 },
    phases: [{ objective: 'clm', until: 30 }],
    engine: { threads: 1 },
    ...more,
  };
  fs.writeFileSync(file, JSON.stringify(content));
  return file;
}

interface Line {
  step: number;
  tokens: number;
  metrics: Record<string, number>;
}

async function pretrain(
  file: string,
): Promise<Outcome & { lines: Line[]; events: { type: string; message?: string }[]; folder: string }> {
  const folder = path.join(root, 'runs', `20260101-data${String(runs++).padStart(4, '0')}`);
  const outcome = await biphase('pretrain', file, '--run-dir', folder);
  assert.equal(outcome.status, 0, outcome.stderr);
  const parsed = (name: string) =>
    fs
      .readFileSync(path.join(folder, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  return { ...outcome, folder, lines: parsed('metrics.jsonl'), events: parsed('events.jsonl') };
}

test('a real run never waits for its samples, and says before it starts that it reads them again', async () => {
  const corpus = path.join(root, 'mixed');
  fs.mkdirSync(corpus);
  const lines = texts.slice(0, 200).map((text) => `${JSON.stringify({ text })}\n`);
  fs.writeFileSync(path.join(corpus, 'a.jsonl.zst'), zlib.zstdCompressSync(lines.join('')));
  fs.writeFileSync(path.join(corpus, 'b.parquet'), parquet(texts.slice(200, 400)));
  fs.writeFileSync(path.join(corpus, 'c.txt'), texts.slice(400).join('\n\n'));
  const once = await pretrain(runFile(corpus));
  const steps = once.lines.filter(({ step }) => step > 0);
  assert.equal(steps.length, 30);
  assert.deepEqual(
    steps.map(({ metrics }) => metrics.dataStalls),
    new Array(30).fill(0),
  );
  assert.ok(!once.events.some(({ type }) => type === 'epochs'));

  const again = await pretrain(runFile(corpus, { tokens: 1000 }));
  const at = again.events.findIndex(({ type }) => type === 'epochs');
  assert.match(again.events[at].message ?? '', /^This run reads its 1,000 training tokens 3\.88 times: /);
  assert.ok(at < again.events.findIndex(({ type }) => type === 'phase'));
  assert.ok(again.stderr.includes(again.events[at].message ?? 'nothing'));
});

test('runs of one seed read the same samples whatever their objective', async () => {
  const batch = { samples: 7 };
  const clm = await pretrain(runFile('world:300', {}, { batch }));
  const mlm = await pretrain(runFile('world:300', {}, { batch, phases: [{ objective: 'mlm', until: 30 }] }));
  const other = await pretrain(runFile('world:300', {}, { batch, seed: 1 }));
  // An odd batch parts the two halves of a block, whose cut is random: the tokens of a step tell its samples.
  const tokens = ({ lines }: { lines: Line[] }) => lines.map((line) => line.tokens).join();
  assert.equal(tokens(clm), tokens(mlm));
  assert.notEqual(tokens(clm), tokens(other));
});

test('a dataset of the hub is prepared ahead for a run file; its run needs no hub and records the commit', async () => {
  const file = runFile('hub:org/words');
  const prepared = await biphase('data', 'prepare', file, '--json');
  assert.equal(prepared.status, 0, prepared.stderr);
  const { folder, source, trainTokens } = JSON.parse(prepared.stdout);
  assert.equal(source, `hub:org/words@${commit}`);
  assert.match(prepared.stderr, /preparing data: tokenizer\n/);
  assert.ok(trainTokens > 5000 && fs.existsSync(path.join(folder, 'shards.json')));
  const withTokenizer = runFile('hub:org/words', { tokenizer: 'hub:org/model' });
  assert.equal((await biphase('data', 'prepare', withTokenizer)).status, 0);
  await hub.stop();
  const run = await pretrain(file);
  assert.equal((await pretrain(withTokenizer)).status, 0);
  // It asks for the commit by now, not for the name.
  const resumed = await biphase('pretrain', '--run-dir', run.folder, '--resume');
  assert.equal(resumed.status, 0, resumed.stderr);

  const unprepared = await biphase(
    'pretrain',
    runFile('hub:org/other'),
    '--run-dir',
    path.join(root, 'none'),
  );
  assert.equal(unprepared.status, 1);
  assert.match(
    unprepared.stderr,
    new RegExp(`could not be read from .* biphase data prepare FILE\\.run\\.yaml --root ${root}\\n`),
  );
  const resolved = JSON.parse(fs.readFileSync(path.join(run.folder, 'resolved-0.json'), 'utf8'));
  assert.equal(resolved.data.source, source);
  assert.equal(resolved.data.folder, folder);
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      assert.ok(!fs.readFileSync(path.join(entry.parentPath, entry.name)).includes('hf_secret'), entry.name);
});

test('what is asked of data prepare wrongly is one sentence and exit code 2', async () => {
  const cases: [string[], RegExp][] = [
    [
      ['data', 'prepare', 'hub:org/words'],
      /Say with --tokens how many training tokens of the dataset to prepare\./,
    ],
    [
      ['data', 'prepare', runFile('world:9'), '--tokens', '5'],
      /--tokens is for a source; the run file says it itself\./,
    ],
    [['data', 'prepare', path.join(root, 'none.run.yaml')], /There is no run file/],
    [['data', 'prepare'], /Give a run file, a folder, a file, hub:OWNER\/NAME or world\./],
  ];
  for (const [args, sentence] of cases) {
    const { status, stderr } = await biphase(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, sentence);
  }
});
