import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Launcher } from '../../../src/agent/launcher.ts';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import { readRunReport } from '../../../src/agent/runReport.ts';
import { JobWatch } from '../../../src/agent/slurm/jobWatch.ts';
import { command } from '../../../src/cli/commands/pretrain.ts';

const table: ProcessTable = { host: 'h', bootId: 'b', startTime: () => null };
const run = '20250101-aaaaaaaa';
const sentence = 'A newer Biphase made this run; this version only shows it.';

test('a run of a newer version is shown, and neither resumed nor trained', async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-newer-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const root = new NodeRoot(folder);
  root.prepare();
  const directory = root.runDirectory(run);
  fs.mkdirSync(directory);
  const specFile = path.join(directory, 'spec.json');
  const spec = { schema: 2, id: run, name: 'n', kind: 'pretrain', createdAt: 1, bundle: 'x', file: {} };
  fs.writeFileSync(specFile, JSON.stringify(spec));
  const exit = { schema: 1, segment: 0, code: 3, signal: null, endedAt: 1 };
  fs.writeFileSync(path.join(directory, 'exit.json'), JSON.stringify(exit));
  const report = readRunReport(root, run, table);
  assert.deepEqual([report?.state, report?.reason], ['stopped', sentence]);
  const refusal = { kind: 'refused', message: sentence, next: 'Update Biphase first.' };
  const launcher = new Launcher(root, table, { main: '/nowhere', hash: 'x' }, false, new JobWatch(() => {}));
  await assert.rejects(launcher.resume(run, { environment: {}, setup: [] }), refusal);
  await assert.rejects(command.run(['--run-dir', directory, '--resume']), refusal);
  await assert.rejects(command.run([specFile, '--resume']), refusal);
});
