import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  livesHere,
  ownIdentity,
  type ProcessTable,
  parseProcStat,
  parsePs,
  parseSession,
  thisMachine,
} from '../../../src/agent/processTable.ts';

const stat = (name: string, state: string): string =>
  `42 (${name}) ${state} 1 42 41 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 7 0 987654 1000 200 18446744073709551615`;

test('the start time is found behind any program name', () => {
  for (const name of ['node', 'a b', 'x) R 1 2', '((', ')', 'node (old) S'])
    assert.equal(parseProcStat(stat(name, 'S')), '987654', name);
});

test('the session is found behind any program name', () => {
  for (const name of ['node', 'a b', 'x) R 1 2']) assert.equal(parseSession(stat(name, 'S')), 41, name);
  assert.equal(parseSession(''), null);
});

test('a zombie does not live', () => {
  assert.equal(parseProcStat(stat('node', 'Z')), null);
  assert.equal(parseProcStat(stat('node', 'X')), null);
  assert.equal(parseProcStat(''), null);
  assert.equal(parsePs('Z+   Mon Nov  4 10:11:12 2024\n'), null);
});

test('ps answers with a date', () => {
  assert.equal(parsePs('Ss   Mon Nov  4 10:11:12 2024    \n'), 'Mon Nov  4 10:11:12 2024');
  assert.equal(parsePs('\n'), null);
});

test('host, boot, number and start time must all agree', () => {
  const table: ProcessTable = { host: 'h', bootId: 'b', startTime: (pid) => (pid === 7 ? 't' : null) };
  const where = { host: 'h', bootId: 'b' };
  assert.equal(livesHere(table, where, { pid: 7, startTime: 't' }), true);
  assert.equal(livesHere(table, where, { pid: 7, startTime: 'u' }), false);
  assert.equal(livesHere(table, where, { pid: 8, startTime: 't' }), false);
  assert.equal(livesHere(table, { ...where, host: 'i' }, { pid: 7, startTime: 't' }), false);
  assert.equal(livesHere(table, { ...where, bootId: 'c' }, { pid: 7, startTime: 't' }), false);
});

test('this process lives here', () => {
  assert.equal(livesHere(thisMachine, thisMachine, ownIdentity(thisMachine)), true);
  assert.notEqual(thisMachine.bootId, '');
});
