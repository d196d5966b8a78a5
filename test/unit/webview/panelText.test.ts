import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveSeries } from '../../../src/core/liveSeries.ts';
import type { PanelScene } from '../../../webview/curves/panelScene.ts';
import { panelsFor } from '../../../webview/curves/panels.ts';
import { footnotes } from '../../../webview/curves/panelText.ts';

const [panel] = panelsFor(['loss'], []);

function noted(values: number[], bucket: number): string[] {
  const step = Uint32Array.from(values, (_, i) => i * bucket);
  const columns = {
    x: Float64Array.from(step),
    y: Float64Array.from(values),
    step,
    segment: new Uint16Array(values.length),
  };
  const header = {
    ...{ run: '20260101-00000001', metric: 'loss', x: 'step' as const, version: 1, smoothing: null },
    ...{ total: values.length * bucket, points: values.length, bucket },
  };
  const curve = { name: 'base', metric: 'loss', series: new LiveSeries(header, columns) };
  return footnotes(panel!, { curves: [curve], logX: true, logY: true } as unknown as PanelScene);
}

test('what cannot be drawn is counted, and of a thinned curve it is said that there may be more', () => {
  const values = [1, -1, 0, 2, ...new Array<number>(5).fill(Number.NaN)];
  assert.deepEqual(noted(values, 1), [
    '✕ base: NaN at step 4, NaN at step 5, NaN at step 6 and 2 more',
    '2 points at or below 0 have no place on a logarithmic axis.',
    '1 points at x = 0 have no place on a logarithmic axis.',
  ]);
  assert.deepEqual(noted(values, 8), [
    '✕ base: NaN at step 32, NaN at step 40, NaN at step 48 and at least 2 more',
    'At least 2 points at or below 0 have no place on a logarithmic axis.',
    'At least 1 points at x = 0 have no place on a logarithmic axis.',
  ]);
});
