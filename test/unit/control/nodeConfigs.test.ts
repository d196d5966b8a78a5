import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { NodeConfigs } from '../../../src/control/nodes/nodeConfigs.ts';
import { nodeKinds } from '../../../src/control/nodes/nodeKinds.ts';
import { NodeManager } from '../../../src/control/nodes/nodeManager.ts';

function temporaryFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-nodes-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('nodes are kept; without a file there is this computer alone', (context) => {
  const folder = temporaryFolder(context);
  new NodeConfigs(folder).set({ name: 'atlas', kind: 'ssh', host: 'atlas' });
  assert.deepEqual(
    new NodeConfigs(folder).list().map(({ name }) => name),
    ['this computer', 'atlas'],
  );
});

test('this computer cannot be removed, by whichever of its names', (context) => {
  const nodes = new NodeManager(new NodeConfigs(temporaryFolder(context)), nodeKinds, {} as never);
  for (const name of ['this computer', 'local'])
    assert.throws(() => nodes.remove(name), { kind: 'usage', message: 'This computer cannot be removed.' });
  assert.throws(() => nodes.remove('atlas'), { kind: 'missing' });
});

test('what is no file of a reasonable size is refused, not waited for', {
  skip: process.platform === 'win32',
}, (context) => {
  const folder = temporaryFolder(context);
  const file = path.join(folder, 'nodes.json');
  const refused = (why: string): void =>
    assert.throws(() => new NodeConfigs(folder), {
      kind: 'damaged',
      message: `${file} cannot be used: ${why}.`,
      next: /Correct it by hand, or move it away/,
    });
  execFileSync('mkfifo', [file]);
  refused('it is not a file');
  fs.rmSync(file);
  fs.mkdirSync(file);
  refused('it is not a file');
  fs.rmdirSync(file);
  fs.symlinkSync('nodes.json', file);
  refused('it cannot be read (ELOOP)');
  fs.rmSync(file);
  fs.writeFileSync(file, ' '.repeat((1 << 20) + 1));
  refused('it is larger than 1 MiB');
});

test('what was changed in the file meanwhile is kept by the next change; a damaged file is not written over', (context) => {
  const folder = temporaryFolder(context);
  const file = path.join(folder, 'nodes.json');
  const configs = new NodeConfigs(folder);
  configs.set({ name: 'atlas', kind: 'ssh', host: 'atlas' });
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace('"host": "atlas"', '"host": "other"'));
  configs.set({ name: 'boreas', kind: 'ssh', host: 'boreas' });
  const hosts = (): (string | undefined)[] => new NodeConfigs(folder).list().map(({ host }) => host);
  assert.deepEqual(hosts(), [undefined, 'other', 'boreas']);
  assert.equal(configs.refresh(), false, 'its own change is none');
  const before = configs.list();
  fs.writeFileSync(file, '{"half');
  for (const change of [
    () => configs.set({ name: 'vega', kind: 'ssh', host: 'vega' }),
    () => configs.remove('boreas'),
    () => configs.refresh(),
  ])
    assert.throws(change, { kind: 'damaged' });
  assert.equal(fs.readFileSync(file, 'utf8'), '{"half');
  assert.deepEqual(configs.list(), before);
});

test('nodes whose lines in the file were changed are replaced, the others stay as they are', (context) => {
  const folder = temporaryFolder(context);
  const configs = new NodeConfigs(folder);
  for (const name of ['atlas', 'boreas', 'vega']) configs.set({ name, kind: 'ssh', host: name });
  const nodes = new NodeManager(configs, nodeKinds, { log: () => {}, changed: () => {} } as never);
  const [atlas, boreas] = [nodes.get('atlas'), nodes.get('boreas')];
  const other = new NodeConfigs(folder);
  other.set({ name: 'atlas', kind: 'ssh', host: 'atlas', slots: 2 });
  other.remove('vega');
  other.set({ name: 'new', kind: 'ssh', host: 'new' });
  const replaced = nodes.refresh().map(({ config }) => config.name);
  assert.deepEqual(replaced.sort(), ['atlas', 'vega']);
  assert.equal(nodes.get('boreas'), boreas);
  assert.notEqual(nodes.get('atlas'), atlas);
  assert.equal(nodes.get('atlas').config.slots, 2);
  assert.deepEqual([nodes.has('vega'), nodes.has('new')], [false, true]);
  assert.deepEqual(nodes.refresh(), []);
});
