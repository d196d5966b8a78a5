import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LineExtender } from '../../../webview/curves/lineExtender.ts';
import { panelsFor } from '../../../webview/curves/panels.ts';
import { FakeFrames } from './fakeFrames.ts';

/** Two charts, the runs whose lines the next extension lengthens, and what was told. */
function started(context: TestContext) {
  const frames = new FakeFrames(context);
  const gained: Record<string, string[]> = { loss: [], gradNorm: [] };
  const told: [metrics: string[], runs: string[]][] = [];
  let extensions = 0;
  const views = panelsFor(['loss', 'gradNorm'], []).map((panel) => ({
    panel,
    extend: () => {
      extensions++;
      return new Set(gained[panel.metric]!.splice(0));
    },
  }));
  const extender = new LineExtender(() => views, {
    drawn: (metrics, runs) => told.push([[...metrics], [...(runs ?? [])]]),
  });
  return { frames, gained, extender, told, extensions: () => extensions / views.length };
}

test('lines are extended in the next frame, and only charts with new points are told of', (context) => {
  const { frames, gained, extender, told } = started(context);
  gained.loss = ['a', 'b'];
  extender.later();
  extender.later();
  assert.equal(frames.frame(), false);
  frames.pass(1);
  assert.deepEqual(told, [], 'nothing is drawn outside a frame');
  frames.frame();
  assert.deepEqual(told, [[['loss'], ['a', 'b']]]);
});

test('however many points come, lines are extended twenty times a second at most', (context) => {
  const { frames, gained, extender, told, extensions } = started(context);
  for (let i = 0; i < 100; i++) {
    gained.gradNorm!.push('a');
    extender.later();
    frames.pass(10);
    frames.frame();
  }
  assert.ok(extensions() > 15 && extensions() <= 21, `${extensions()} in a second`);
  frames.run(100);
  assert.equal(gained.gradNorm!.length, 0, 'the last ones too');
  assert.ok(told.every(([metrics]) => metrics.join() === 'gradNorm'));
  const before = extensions();
  frames.run(1000);
  assert.equal(extensions(), before, 'without new points nothing happens');
});
