import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricRows } from '../../../../webview/compare/metricRows.ts';
import { fakeColumn } from './fakeColumns.ts';

/** Five seeds that trained for this objective last, with these final values of two metrics. */
function column(name: string, objective: string, loss: number, validation: number) {
  const point = (value: number) => ({ step: 1000, value });
  const metric = (metricName: string, value: number) => ({
    ...{ name: metricName, points: 10, nonFinite: 0, last: point(value), best: point(value) },
  });
  return fakeColumn(
    name,
    ...(name < 'b' ? [0, 0.01, -0.01, 0.02, -0.02] : [0.02, -0.01, 0, -0.02, 0.01]).map((noise) => ({
      change: { phases: [{ objective, until: 1000 }] },
      fact: { metrics: [metric('loss', loss + noise), metric('validation/loss/mlm', validation + noise)] },
    })),
  );
}

function tones(columns: ReturnType<typeof column>[]) {
  const { rows, notes } = metricRows(columns, 0);
  const of = (name: string) => {
    const row = rows.find(({ key }) => key === `metric ${name} last`)!;
    return columns.map((_, i) => row.cell(i).tone);
  };
  return { loss: of('loss'), validation: of('validation/loss/mlm'), notes: notes.join('\n') };
}

test('training losses of different objectives are not judged, a validation loss is', () => {
  const mixed = tones([column('a', 'mlm', 1.2, 1.2), column('b', 'clm', 0.8, 7)]);
  assert.deepEqual(mixed.loss, [undefined, undefined]);
  assert.deepEqual(mixed.validation, ['best', 'worse']);
  assert.match(mixed.notes, /Training losses of different objectives are not judged/);
  const alike = tones([column('a', 'mlm', 1.2, 1.2), column('b', 'mlm', 0.8, 7)]);
  assert.deepEqual(alike.loss, [undefined, 'best']);
  assert.doesNotMatch(alike.notes, /objectives/);
});
