import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { NodeRoot } from '../../../../src/agent/nodeRoot.ts';
import { ArrayFiles, cleanArrays } from '../../../../src/agent/slurm/arrayFiles.ts';
import type { RunReport } from '../../../../src/protocol/agentApi.ts';

const day = 24 * 3600 * 1000;

test('what an array has in the queue goes when all of its runs are over, and nothing else', (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-array-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const root = new NodeRoot(folder);
  root.prepare();
  const [over, going] = ['20250101-aaaaaaaa', '20250101-bbbbbbbb'];
  const make = (array: string, runs: string[]): void => {
    const files = new ArrayFiles(root, array);
    fs.writeFileSync(files.list, JSON.stringify({ schema: 1, runs }));
    fs.writeFileSync(files.script, '');
    files.linkOutputs(runs.map((run) => root.runDirectory(run)));
  };
  make('oldoldold', [over]);
  make('newnewnew', [over, going]);
  fs.mkdirSync(path.join(root.queues, 'host-here'));
  const reports = [
    { run: over, state: 'finished' },
    { run: going, state: 'queued' },
  ] as RunReport[];
  assert.deepEqual(cleanArrays(root, reports), []);
  assert.deepEqual(cleanArrays(root, reports, Date.now() + 2 * day), ['oldoldold']);
  assert.deepEqual(fs.readdirSync(root.queues).sort(), [
    'array-newnewnew-0.log',
    'array-newnewnew-1.log',
    'array-newnewnew.json',
    'array-newnewnew.sh',
    'host-here',
  ]);
});
