import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { persevere } from '../../../../src/control/transfers/persevere.ts';
import { BiphaseError } from '../../../../src/core/errors.ts';

const clock = process.env.BIPHASE_CLOCK;
before(() => {
  process.env.BIPHASE_CLOCK = '0.001';
});
after(() => {
  if (clock === undefined) delete process.env.BIPHASE_CLOCK;
  else process.env.BIPHASE_CLOCK = clock;
});

const lost = (): BiphaseError => new BiphaseError('unreachable', 'The link is gone.');
const { signal } = new AbortController();

test('a lost link is tried again as long as something moves, and a few times where nothing does', async () => {
  let attempts = 0;
  const moving = await persevere(async (reached) => {
    reached(++attempts);
    if (attempts < 10) throw lost();
    return attempts;
  }, signal);
  assert.equal(moving, 10);
  attempts = 0;
  const still = persevere(async (reached) => {
    attempts++;
    // What was there already is no progress.
    reached(5);
    throw lost();
  }, signal);
  await assert.rejects(still, {
    kind: 'unreachable',
    message: 'The link is gone.',
    next: /what was copied is kept/,
  });
  assert.equal(attempts, 4);
});

test('other failures and a cancel end it at once', async () => {
  let attempts = 0;
  const full = persevere(async () => {
    attempts++;
    throw new BiphaseError('full', 'The disk is full.');
  }, signal);
  await assert.rejects(full, { kind: 'full' });
  const stop = new AbortController();
  const cancelled = persevere(async () => {
    attempts++;
    stop.abort();
    throw lost();
  }, stop.signal);
  await assert.rejects(cancelled);
  assert.equal(attempts, 2);
});
