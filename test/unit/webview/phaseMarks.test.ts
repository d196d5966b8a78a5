import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOfPhase } from '../../../webview/curves/panels.ts';
import { phaseMarks } from '../../../webview/curves/phaseMarks.ts';
import { fakeRun } from '../../browser/pages/fakeRuns.ts';

const phases = [
  { objective: 'clm', until: 1000 },
  { objective: 'mlm', until: 4200 },
];

test('a run has marks as far as it has come', () => {
  const at = (step: number): string[] =>
    phaseMarks([fakeRun(1, 'a', { phases, decayStart: 3800, step })]).map(({ label }) => label);
  assert.deepEqual(at(999), []);
  assert.deepEqual(at(1000), ['clm → mlm']);
  assert.deepEqual(at(4200), ['clm → mlm', 'decay']);
});

test('a validation is drawn beside the training loss of its own objective alone', () => {
  const clm = 'validation/loss/clm';
  assert.deepEqual(
    [0, 1000, 1001, 4200, 5000].map((step) => isOfPhase(clm, phases, step)),
    [true, true, false, false, false],
  );
  assert.equal(isOfPhase('validation/loss/mlm', phases, 4200), true);
  assert.equal(isOfPhase(clm, [{ objective: 'mixed', until: 10 }], 5), true);
  assert.equal(isOfPhase(clm, [], 5), true);
});
