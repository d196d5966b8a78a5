import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricNames } from '../../../src/protocol/runDirectory.ts';
import {
  defaultMetrics,
  firstMetrics,
  isJoined,
  isOwnMark,
  markLabel,
  metricsOf,
  panelMetrics,
  panelsFor,
} from '../../../webview/curves/panels.ts';

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

test('a metric is named in one line that nothing turns, whatever it is called', () => {
  const hostile = ['a\u0001b', '\u202egpj.exe', metricNames.validationLoss('\n\ud800')];
  const shown = [...panelsFor(hostile, []).map(({ title }) => title), ...hostile.map(markLabel)];
  for (const title of shown) assert.doesNotMatch(title, /[\p{Cc}\p{Cs}\u202e]/u);
  assert.deepEqual(
    panelsFor(['constructor', '__proto__'], []).map(({ title, unit }) => [title, unit]),
    [
      ['__proto__', ''],
      ['constructor', ''],
    ],
  );
});

test('a new page shows what outside runs have, losses first, where they have none of our names', () => {
  assert.deepEqual(firstMetrics(new Set()), defaultMetrics);
  assert.deepEqual(firstMetrics(new Set(['train/loss', metricNames.loss])), defaultMetrics);
  const outside = ['epoch', 'train/loss', 'eval/Loss', 'accuracy', 'lr', 'zeta'];
  assert.deepEqual(firstMetrics(new Set(outside)), ['eval/Loss', 'train/loss', 'accuracy', 'epoch']);
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

test('validations are joined only within one phase that trains their objective', () => {
  const [clm, mlm] = validation;
  const phases = [
    { objective: 'clm', until: 1000 },
    { objective: 'mlm', until: 2000 },
    { objective: 'mixed', until: 3000 },
  ];
  assert.equal(isJoined(clm, phases, 0, 500), true);
  assert.equal(isJoined(clm, phases, 500, 1000), true, 'the last step of a phase is its own');
  assert.equal(isJoined(clm, phases, 1000, 1500), false);
  assert.equal(isJoined(clm, phases, 1500, 2000), false);
  assert.equal(isJoined(mlm, phases, 500, 1000), false);
  assert.equal(isJoined(mlm, phases, 1500, 2000), true);
  assert.equal(isJoined(clm, phases, 2500, 3000), true);
  assert.equal(isJoined(mlm, [], 500, 1000), true, 'a run whose file cannot be read');
});

test('a mark is called by its objective, and by its measure where that is not the usual one', () => {
  assert.deepEqual(validation.map(markLabel), ['CLM validation', 'MLM validation', 'MLM validation (mlm20)']);
});
