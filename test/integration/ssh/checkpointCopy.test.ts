import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ControlClient, connectControl } from '../../../src/control/client/controlClient.ts';
import type { TransferProgress } from '../../../src/protocol/controlApi.ts';
import { controlOptions } from '../../support/controlWindow.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { type ProxiedNode, startProxiedNode } from '../../support/proxiedNode.ts';
import { smallRun } from '../../support/smallRun.ts';
import { sshdPath } from '../../support/sshd.ts';

const skip = sshdPath() && process.platform === 'linux' ? false : 'needs sshd on Linux';
const mebibyte = 1 << 20;
const run = '20260101-origin00';
/** A file that a real checkpoint does not have, so that there is something to cut. */
const big = 'more.safetensors';
const bigBytes = 12 * mebibyte;

let person: PrivateHome;
let atlas: ProxiedNode;
let vega: ProxiedNode;
let client: ControlClient;
let source: string;

const file = (more: object = {}) =>
  smallRun(4, { data: { ...smallRun(4).data, source: 'world:200' }, checkpoints: { every: 2 }, ...more });

before(async () => {
  if (skip) return;
  person = makePrivateHome();
  atlas = await startProxiedNode(person);
  vega = await startProxiedNode(person, { host: 'vega' });
  client = await connectControl(controlOptions(person, { stateFolder: path.join(person.folder, 's') }));
  for (const { host } of [atlas, vega]) {
    await client.call('addNode', { config: { name: host, kind: 'ssh', host } });
    const tested = await client.call('testNode', { name: host });
    assert.ok(tested.ok, tested.findings.join('\n'));
  }
  await client.call('launch', { file: file(), node: 'atlas', run });
  await finished(run);
  source = path.join(atlas.root, 'runs', run, 'checkpoints/step-000004');
  fs.writeFileSync(path.join(source, big), randomBytes(bigBytes));
});

after(async () => {
  client?.dispose();
  for (const node of [atlas, vega]) {
    await node?.proxy.close();
    await node?.sshd.stop();
  }
  if (person) await removePrivateHome(person);
});

async function finished(wanted: string): Promise<void> {
  const look = async (): Promise<boolean> => {
    const { runs } = await client.call('runs', {});
    const { state, reason } = runs.find((each) => each.run === wanted) ?? {};
    assert.notEqual(state, 'failed', reason);
    return state === 'finished';
  };
  if (await look()) return;
  await new Promise<void>((resolve, reject) => {
    const off = client.on('runs', () => {
      look().then((yes) => {
        if (!yes) return;
        off();
        resolve();
      }, reject);
    });
  });
}

function sameFiles(copy: string, besides: RegExp = /^$/): void {
  const names = fs.readdirSync(copy).filter((name) => !besides.test(name));
  assert.deepEqual(names.sort(), fs.readdirSync(source).sort());
  for (const name of names)
    assert.ok(fs.readFileSync(path.join(copy, name)).equals(fs.readFileSync(path.join(source, name))), name);
}

function half(transfer: string): Promise<void> {
  return new Promise((resolve) => {
    const off = client.on('transfer', (progress: TransferProgress) => {
      if (progress.transfer !== transfer || progress.done < 5 * mebibyte) return;
      off();
      resolve();
    });
  });
}

test('a checkpoint is downloaded through a cut and a cancel, whole and once', { skip }, async () => {
  const folder = path.join(person.folder, "my 'checkpoints' $(touch x)");
  const to = { folder };
  const place = path.join(folder, `${run}@4`);
  const before = atlas.proxy.received;
  atlas.proxy.limit(8 * mebibyte);
  atlas.proxy.cutAfter(2 * mebibyte, 'back');
  const cancelled = half('first');
  const copy = client.call('copyCheckpoint', { transfer: 'first', run, step: 4, to });
  await Promise.race([cancelled, copy]);
  await client.call('cancelTransfer', { transfer: 'first' });
  await assert.rejects(copy, { kind: 'cancelled' });
  atlas.proxy.limit(0);
  assert.ok(!fs.existsSync(place), 'nothing half has the name');
  assert.deepEqual(await client.call('copyCheckpoint', { transfer: 'second', run, step: 4, to }), { place });
  const received = atlas.proxy.received - before;
  // Slices that were asked for when the link was cut, and when the copy was cancelled, come to nothing.
  assert.ok(received < bigBytes + 9 * mebibyte, `${received} bytes for ${bigBytes}`);
  sameFiles(place);
  assert.deepEqual(fs.readdirSync(folder), [`${run}@4`]);

  const again = atlas.proxy.received;
  await client.call('copyCheckpoint', { transfer: 'third', run, step: 4, to });
  assert.ok(atlas.proxy.received - again < 64 << 10);
  fs.appendFileSync(path.join(place, 'config.json'), ' ');
  await assert.rejects(client.call('copyCheckpoint', { transfer: 'fourth', run, step: 4, to }), {
    kind: 'refused',
    message: /is there already and is something else/,
  });
});

test('a checkpoint goes to another node through cuts on both links, and a run there starts from it', {
  skip,
}, async () => {
  const from = { checkpoint: `${run}@4` };
  const branch = file({
    from,
    data: { source: 'world:200', tokenizer: 'checkpoint', packing: { length: 32 } },
  });
  const check = await client.call('checkLaunch', { file: branch, node: 'vega' });
  assert.equal(check.fits, false);
  assert.match(check.sentences.join('\n'), /vega does not have the checkpoint 20260101-origin00@4/);

  const sent = vega.proxy.sent;
  atlas.proxy.cutAfter(3 * mebibyte, 'back');
  vega.proxy.cutAfter(7 * mebibyte);
  const to = { node: 'vega' };
  const { place } = await client.call('copyCheckpoint', { transfer: 'a', run, step: 4, to });
  assert.equal(place, path.join(vega.root, `cache/checkpoints/${run}@4`));
  assert.ok(
    vega.proxy.sent - sent < bigBytes + 5 * mebibyte,
    `${vega.proxy.sent - sent} bytes for ${bigBytes}`,
  );
  sameFiles(place, /^copied-[0-9a-f]{16}\.json$/);
  assert.deepEqual(fs.readdirSync(path.dirname(place)), [path.basename(place)]);

  const before = vega.proxy.sent;
  await client.call('copyCheckpoint', { transfer: 'b', run, step: 4, to });
  assert.ok(vega.proxy.sent - before < 64 << 10);

  const child = '20260101-child000';
  assert.notEqual((await client.call('checkLaunch', { file: branch, node: 'vega' })).fits, false);
  await client.call('launch', { file: branch, node: 'vega', run: child });
  await finished(child);
  const resolved = JSON.parse(
    fs.readFileSync(path.join(vega.root, 'runs', child, 'resolved-0.json'), 'utf8'),
  );
  assert.equal(resolved.from.folder, place);
  assert.equal(resolved.from.run, run);
});

test('a checkpoint of a node goes to this computer as a node', { skip }, async () => {
  const { place } = await client.call('copyCheckpoint', {
    transfer: 'home',
    run,
    step: 4,
    to: { node: 'local' },
  });
  assert.equal(place, path.join(person.home, `.biphase/cache/checkpoints/${run}@4`));
  sameFiles(place, /^copied-[0-9a-f]{16}\.json$/);
});

test('what cannot be copied is one sentence', { skip }, async () => {
  const copy = (more: object) =>
    client.call('copyCheckpoint', { transfer: 'x', run, step: 4, to: { node: 'vega' }, ...more });
  await assert.rejects(copy({ step: 3 }), { kind: 'missing', message: /no complete checkpoint of step 3/ });
  await assert.rejects(copy({ run: '20260101-nothing0' }), { kind: 'missing' });
  await assert.rejects(copy({ to: { node: 'none' } }), { kind: 'missing', message: /no node "none"/ });
  await assert.rejects(copy({ to: { folder: 'relative' } }), { kind: 'usage' });
  const { place } = await copy({ to: { node: 'atlas' } });
  assert.equal(place, source, 'it is there already');
  // A name that a hostile node could have made up.
  const canary = path.join(source, '-rf $(touch canary)\n');
  fs.writeFileSync(canary, '');
  await assert.rejects(copy({ to: { folder: person.folder } }), {
    kind: 'refused',
    message: /holds a file that no checkpoint has/,
  });
  fs.rmSync(canary);
});
