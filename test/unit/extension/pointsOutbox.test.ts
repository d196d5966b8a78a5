import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type PointsEvent, PointsOutbox } from '../../../src/extension/panels/pointsOutbox.ts';

const event = (version: number): PointsEvent => ({
  data: {
    run: '20260101-00000001',
    metric: 'loss',
    x: 'step',
    version,
    follows: version - 1,
    reset: false,
    total: version,
    points: 1,
    bucket: 1,
    ends: { tokens: 0, flops: null, time: 0, share: null },
  },
  binary: Uint8Array.of(version),
});

/** A page that takes a message when it is told to. */
class Page {
  readonly messages: { versions: number[]; bytes: number[] }[] = [];
  #taken: (() => void)[] = [];
  readonly outbox = new PointsOutbox((deltas, binary) => {
    this.messages.push({ versions: deltas.map((d) => d.version), bytes: [...binary] });
    return new Promise<void>((resolve) => {
      this.#taken.push(resolve);
    });
  });

  async take(): Promise<void> {
    this.#taken.shift()?.();
    await nextTurn();
  }
}

test('deltas of one turn go together, and what comes while a message is under way goes with the next', async () => {
  const page = new Page();
  page.outbox.add(event(1));
  page.outbox.add(event(2));
  await nextTurn();
  assert.deepEqual(page.messages, [{ versions: [1, 2], bytes: [1, 2] }]);
  page.outbox.add(event(3));
  await nextTurn();
  page.outbox.add(event(4));
  await nextTurn();
  assert.equal(page.messages.length, 1, 'nothing is sent before the first message was taken');
  await page.take();
  assert.deepEqual(page.messages[1], { versions: [3, 4], bytes: [3, 4] });
  await page.take();
  page.outbox.add(event(5));
  await nextTurn();
  assert.deepEqual(page.messages[2]?.versions, [5]);
});

test('after clear nothing old is sent, and a message that never arrived holds nothing up', async () => {
  const page = new Page();
  page.outbox.add(event(1));
  await nextTurn();
  page.outbox.add(event(2));
  page.outbox.clear();
  page.outbox.add(event(3));
  await nextTurn();
  assert.deepEqual(
    page.messages.map((m) => m.versions),
    [[1], [3]],
  );
  await page.take();
  page.outbox.add(event(4));
  await nextTurn();
  assert.equal(page.messages.length, 2, 'the old message being taken does not let the new one overtake');
  await page.take();
  assert.deepEqual(page.messages[2]?.versions, [4]);
});
