import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';
import type { ProcessTable } from '../../../src/agent/processTable.ts';
import { killRun } from '../../../src/agent/runActions.ts';
import { completeCheckpoints, readLastOutput, readRunReport } from '../../../src/agent/runReport.ts';
import { ExitRecord } from '../../../src/agent/wrapper/exitRecord.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-actions-'));
after(() => fs.rmSync(folder, { recursive: true }));
const root = new NodeRoot(folder);
root.prepare();
const run = '20250101-aaaaaaaa';
const directory = root.runDirectory(run);
fs.mkdirSync(directory);
const put = (file: string, content: unknown): void =>
  fs.writeFileSync(
    path.join(directory, file),
    typeof content === 'string' ? content : JSON.stringify(content),
  );
const state = {
  schema: 1,
  segment: 0,
  host: 'h',
  bootId: 'b',
  wrapper: { pid: 50, startTime: 'w' },
  trainer: { pid: 60, startTime: 't' },
  bundle: 'x',
  startedAt: 1,
};
const machine = (living: Record<number, string>, changes: Partial<ProcessTable> = {}): ProcessTable => ({
  host: 'h',
  bootId: 'b',
  startTime: (pid) => living[pid] ?? null,
  ...changes,
});

function killed(table: ProcessTable, changes: object = {}): number[] {
  put('state.json', { ...state, ...changes });
  const targets: number[] = [];
  const signalled = killRun(root, run, table, (target) => targets.push(target));
  assert.equal(signalled, targets.length === 1);
  return targets;
}

test('only the process that is proven is signalled, and its whole group', () => {
  assert.deepEqual(killed(machine({ 60: 't' })), [-60]);
  assert.deepEqual(killed(machine({ 60: 'other' })), [], 'the number was used again');
  assert.deepEqual(killed(machine({})), [], 'gone');
  assert.deepEqual(killed(machine({ 60: 't' }, { bootId: 'c' })), [], 'another boot');
  assert.throws(() => killed(machine({ 60: 't' }, { host: 'i' })), /belongs to h/);
  for (const pid of [0, 1, -1])
    assert.deepEqual(killed(machine({ [pid]: 't' }), { trainer: { pid, startTime: 't' } }), []);
});

test('a report holds complete checkpoints, the last whole event and the derived state', () => {
  fs.rmSync(path.join(directory, 'requests'), { recursive: true, force: true });
  put('state.json', state);
  for (const name of ['step-000002', 'step-000010', 'step-000001', 'step-1', 'other'])
    fs.mkdirSync(path.join(directory, 'checkpoints', name), { recursive: true });
  for (const name of ['step-000002', 'step-000010', 'step-1']) put(`checkpoints/${name}/DONE`, '');
  put('events.jsonl', '{"segment":0,"step":1,"time":1,"type":"start"}\n{"segment":0,"st');
  put('progress.json', '{"torn');
  const report = readRunReport(root, run, machine({ 50: 'w', 60: 't' }));
  assert.deepEqual(report?.checkpoints, [2, 10]);
  assert.equal(report?.lastEvent?.type, 'start');
  assert.equal(report?.progress, null);
  assert.equal(report?.spec, null);
  assert.equal(report?.state, 'starting');
  assert.equal(readRunReport(root, run, machine({}))?.state, 'lost');
  assert.equal(readRunReport(root, '20250101-bbbbbbbb', machine({})), null);
  assert.deepEqual(completeCheckpoints(path.join(folder, 'none')), []);
});

test('the last words of the output lose colours and blanks', () => {
  put('output.log', 'first\n\u001b[31mThe corpus is empty.\u001b[0m\n\n  \n');
  assert.equal(readLastOutput(path.join(directory, 'output.log')), 'The corpus is empty.');
  assert.equal(readLastOutput(path.join(directory, 'output.log'), 60), null);
});

test('exit.json needs no new space, and a directory that is gone is not made again', async () => {
  fs.mkdirSync(path.join(directory, 'locks'));
  const record = new ExitRecord(directory);
  const exit = { schema: 1, segment: 0, code: 0, signal: null, endedAt: 1 };
  await record.write(exit);
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(directory, 'exit.json'), 'utf8')), exit);
  assert.equal(readRunReport(root, run, machine({}))?.state, 'finished');
  const second = new ExitRecord(directory);
  fs.renameSync(directory, `${directory}.away`);
  await second.write(exit);
  assert.equal(fs.existsSync(directory), false);
});
