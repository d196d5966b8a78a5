import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { cleanBundles, markBundleUsed } from '../../../src/agent/bundleCleaning.ts';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';

const day = 24 * 3600 * 1000;
const now = Date.now();
let folder: string;
let root: NodeRoot;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-bundles-'));
  root = new NodeRoot(path.join(folder, 'root'));
  root.prepare();
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function bundle(name: string, days: number, folder = 'bundles'): void {
  const at = path.join(root.path, folder, name);
  fs.mkdirSync(at);
  fs.writeFileSync(path.join(at, 'biphase.mjs'), '');
  fs.utimesSync(at, (now - days * day) / 1000, (now - days * day) / 1000);
}

const left = (): string[] => fs.readdirSync(path.join(root.path, 'bundles')).sort();

function report(state: RunReport['state'], spec: string | null, wrapper: string | null): RunReport {
  return {
    run: `20260101-${state}`,
    state,
    spec: spec && { bundle: spec },
    wrapper: wrapper && { bundle: wrapper },
  } as unknown as RunReport;
}

test('a bundle stays while it is used, young, or named by a run that may go on', async () => {
  for (const name of ['own', 'stopped', 'resumed', 'running', 'lost', 'finished', 'unnamed'])
    bundle(name, 30);
  bundle('young', 13);
  const reports = [
    report('stopped', 'stopped', 'resumed'),
    report('running', 'running', 'running'),
    report('lost', null, 'lost'),
    report('finished', 'finished', 'finished'),
  ];
  assert.deepEqual((await cleanBundles(root, reports, 'own', now)).sort(), ['finished', 'unnamed']);
  assert.deepEqual(left(), ['lost', 'own', 'resumed', 'running', 'stopped', 'young']);
});

test('an agent that starts from a bundle keeps it from those of other versions', async () => {
  bundle('other', 30);
  markBundleUsed(root, 'other', now);
  markBundleUsed(root, 'source', now);
  assert.deepEqual(await cleanBundles(root, [], 'own', now), []);
  assert.deepEqual(left(), ['other']);
});

test('what interrupted copies left goes in time; links and files are not followed or touched', async () => {
  bundle('.a.b.stage', 30);
  bundle('.c.d.stage', 1);
  bundle('24.0.0-linux-x64-gnu', 90, 'node');
  bundle('.24.0.0-linux-x64-gnu.a.stage', 30, 'node');
  const outside = path.join(folder, 'outside');
  fs.mkdirSync(outside);
  fs.utimesSync(outside, 0, 0);
  fs.symlinkSync(outside, path.join(root.path, 'bundles', 'link'));
  assert.deepEqual(await cleanBundles(root, [], 'own', now), ['.a.b.stage', '.24.0.0-linux-x64-gnu.a.stage']);
  assert.deepEqual(fs.readdirSync(path.join(root.path, 'node')), ['24.0.0-linux-x64-gnu']);
  assert.deepEqual(left(), ['.c.d.stage', 'link']);
  assert.ok(fs.existsSync(outside));
});
