import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricNames } from '../../../src/protocol/runDirectory.ts';
import { isOwnMark, metricsOf, panelMetrics, panelsFor } from '../../../webview/curves/panels.ts';

const validation = ['clm', 'mlm', 'mlm20'].map((measure) => metricNames.validationLoss(measure));

test('any metric can have a panel, known ones first and with their titles, unknown ones by name', () => {
  const metrics = panelMetrics([
    'surprise',
    ...validation,
    metricNames.memory,
    metricNames.loss,
    metricNames.shareOfPeak,
  ]);
  assert.deepEqual(metrics.slice(0, 2), [metricNames.loss, metricNames.memory]);
  const titles = panelsFor(metrics, []).map(({ title }) => title);
  for (const title of ['surprise', 'Share of peak', 'Validation loss, clm', 'Validation loss, mlm20'])
    assert.ok(titles.includes(title), title);
});

test('the loss panel has the validation losses as marks, a run those of objectives that it trains', () => {
  const [loss] = panelsFor([metricNames.loss], validation);
  assert.deepEqual(metricsOf(loss), [metricNames.loss, ...validation]);
  const own = (...objectives: string[]) =>
    validation.filter((metric) =>
      isOwnMark(
        metric,
        objectives.map((objective) => ({ objective })),
      ),
    );
  assert.deepEqual(own('clm'), validation.slice(0, 1));
  assert.deepEqual(own('mlm'), validation.slice(1));
  assert.deepEqual(own('clm', 'mlm'), validation);
  assert.deepEqual(own('mixed'), validation);
  assert.deepEqual(own(), validation, 'a run whose file cannot be read');
});
