import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DrawReason } from '../../../webview/curves/drawScheduler.ts';
import { LineExtender } from '../../../webview/curves/lineExtender.ts';
import { panelsFor } from '../../../webview/curves/panels.ts';
import { FakeFrames } from './fakeFrames.ts';

/** Two charts whose lines take the points of these runs, and what was told. */
function started(context: TestContext, { takes = ['a', 'b'], soon = false } = {}) {
  const frames = new FakeFrames(context);
  const told: [metric: string, runs: string[]][] = [];
  const asked: [metric: string, reason: DrawReason][] = [];
  let extensions = 0;
  const views = panelsFor(['loss', 'gradNorm'], []).map((panel) => ({
    panel,
    extend: () => {
      extensions++;
      return { runs: new Set(takes), soon };
    },
  }));
  const extender = new LineExtender<(typeof views)[number]>(
    { extended: (metric, runs) => void told.push([metric, [...runs]]) },
    (view, reason) => void asked.push([view.panel.metric, reason]),
  );
  const [loss, gradNorm] = views as [(typeof views)[number], (typeof views)[number]];
  return { frames, extender, told, asked, loss, gradNorm, extensions: () => extensions };
}

test('lines are extended in the next frame, and only those of charts with new points', (context) => {
  const { frames, extender, told, asked, loss, extensions } = started(context);
  extender.later(loss, { run: 'a', metric: 'loss' });
  extender.later(loss, { run: 'b', metric: 'loss' });
  assert.equal(frames.frame(), false);
  frames.pass(1);
  assert.deepEqual(told, [], 'nothing is drawn outside a frame');
  frames.frame();
  assert.deepEqual(told, [['loss', ['a', 'b']]]);
  assert.deepEqual(asked, [['loss', 'added']], 'what follows the lines is in no hurry');
  assert.equal(extensions(), 1);
});

test('a chart is drawn again soon where its lines do not have all that came', (context) => {
  const { frames, extender, asked, loss, gradNorm } = started(context, { takes: ['a'] });
  extender.later(loss, { run: 'a', metric: 'loss' });
  extender.later(loss, { run: 'a', metric: 'validation/loss/mlm' });
  extender.later(gradNorm, { run: 'gone', metric: 'gradNorm' });
  frames.run(100);
  assert.deepEqual(asked, [
    ['loss', 'points'],
    ['gradNorm', 'points'],
  ]);
});

test('a chart is drawn again soon where an average follows its lines', (context) => {
  const { frames, extender, asked, loss } = started(context, { soon: true });
  extender.later(loss, { run: 'a', metric: 'loss' });
  frames.run(100);
  assert.deepEqual(asked, [['loss', 'points']]);
});

test('however many points come, lines are extended twenty times a second at most', (context) => {
  const { frames, extender, gradNorm, extensions } = started(context);
  for (let i = 0; i < 100; i++) {
    extender.later(gradNorm, { run: 'a', metric: 'gradNorm' });
    frames.pass(10);
    frames.frame();
  }
  assert.ok(extensions() > 15 && extensions() <= 21, `${extensions()} in a second`);
  frames.run(100);
  const before = extensions();
  frames.run(1000);
  assert.equal(extensions(), before, 'without new points nothing happens');
});

test('a chart that is no longer there is neither extended nor drawn', (context) => {
  const { frames, extender, asked, loss, gradNorm, extensions } = started(context);
  extender.later(loss, { run: 'a', metric: 'loss' });
  extender.later(gradNorm, { run: 'a', metric: 'gradNorm' });
  extender.forget(loss);
  frames.run(100);
  assert.deepEqual(asked, [['gradNorm', 'added']]);
  assert.equal(extensions(), 1);
});
