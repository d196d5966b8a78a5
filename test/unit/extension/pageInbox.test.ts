import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as z from 'zod';
import { PageInbox } from '../../../src/extension/panels/pageInbox.ts';
import { fromComparePage } from '../../../src/protocol/comparePage.ts';
import { fromCheckPage, fromCurvesPage } from '../../../src/protocol/pageMessages.ts';

function opened<Message>(contract: z.ZodType<Message>) {
  const told: string[] = [];
  return { inbox: new PageInbox(contract, (problem) => told.push(problem)), told };
}

test('messages that fit go through as the contract reads them, and nothing is told', () => {
  const { inbox, told } = opened(fromCurvesPage);
  const show = { type: 'show', series: [{ run: '20260101-abcdefgh', metric: 'loss' }] };
  assert.deepEqual(inbox.read({ ...show, binary: new ArrayBuffer(8) }), show);
  assert.deepEqual(inbox.read({ type: 'ready' }), { type: 'ready' });
  assert.deepEqual(told, []);
});

test('a wrong message of whatever form is dropped by each contract and never thrown', () => {
  const wrong = [
    ...[undefined, null, 0, 'ready', [], {}, { type: 7 }, { type: 'launchEverything' }, { type: 'toString' }],
    { type: 'problem', message: 7 },
    { type: '__proto__' },
  ];
  for (const contract of [fromCurvesPage, fromCheckPage, fromComparePage] as z.ZodType<unknown>[]) {
    const { inbox, told } = opened(contract);
    for (const raw of wrong) assert.equal(inbox.read(raw), undefined);
    assert.equal(told.length, 5, told.join('\n'));
  }
});

test('a wrong message says what is wrong with it, once a kind', () => {
  const { inbox, told } = opened(fromComparePage);
  for (let i = 0; i < 1000; i++) {
    inbox.read({ type: 'remove', runs: ['../../etc'] });
    inbox.read({ type: 'copy', format: 'HTML', text: '' });
  }
  assert.equal(told.length, 2);
  assert.match(told[0]!, /does not fit its contract \("remove"\): .*runs\[0\]/s);
  assert.match(told[1]!, /\("copy"\): .*format/s);
  assert.deepEqual(inbox.read({ type: 'remove', runs: [] }), { type: 'remove', runs: [] });
});

test('a page that makes up kinds, or sends long nonsense, does not fill the log', () => {
  const { inbox, told } = opened(fromCurvesPage);
  for (let i = 0; i < 10_000; i++) inbox.read({ type: `made up\n${i}${'x'.repeat(10_000)}` });
  inbox.read({ type: 'show', series: Array.from({ length: 10_000 }, () => ({ run: 7 })) });
  assert.equal(told.length, 20);
  for (const line of told) assert.ok(line.length < 2500, `${line.length}`);
});
