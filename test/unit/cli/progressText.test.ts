import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressLine, progressText } from '../../../src/cli/progressLine.ts';
import type { Progress } from '../../../src/protocol/runDirectory.ts';

const progress: Progress = {
  ...{ schema: 1, segment: 0, step: 150, totalSteps: 600, phase: 0, tokens: 307_200, time: 0 },
  ...{ tokensPerSecond: 30_000.4, loss: 2.34567, secondsLeft: 61.4, doing: 'training' },
};

test('a line of progress has step, loss, speed and the time that is left', () => {
  assert.equal(progressText(progress), '150/600 · loss 2.3457 · 30000 tok/s · 61 s left');
  assert.match(progressText({ ...progress, secondsLeft: 600 }), /· 10 min left$/);
  assert.match(progressText({ ...progress, secondsLeft: 9000 }), /· 2\.5 h left$/);
  assert.match(progressText({ ...progress, loss: 'NaN', doing: 'validating' }), /loss NaN .* · validating$/);
  assert.equal(progressText({ ...progress, step: 0, doing: 'preparing data' }), 'preparing data');
});

test('on a terminal one line with a bar redraws itself within the width', () => {
  const written: string[] = [];
  const terminal = { isTTY: true, columns: 60, write: (text: string) => written.push(text) > 0 };
  const line = new ProgressLine(terminal as unknown as NodeJS.WriteStream);
  line.show('a-run', progress);
  line.show('a-run', { ...progress, step: 600 });
  line.end();
  assert.deepEqual(
    written.map((text) => text.match(/█/g)?.length ?? 0),
    [6, 24, 0],
  );
  // A carriage return and an erasure come first; they take no place.
  for (const text of written.slice(0, 2)) assert.ok(text.length - '\r\u001b[K'.length < 60, text);
  assert.equal(written.at(-1), '\n');
});
