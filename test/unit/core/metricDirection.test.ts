import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricDirection } from '../../../src/core/metricDirection.ts';

test('losses and errors are better low, scores high, and of others nobody can tell', () => {
  for (const name of ['loss', 'loss/clm', 'validation/loss/mlm', 'eval_loss', 'perplexity', 'val.error'])
    assert.equal(metricDirection(name), 'lower', name);
  for (const name of ['accuracy', 'sst2/acc', 'ndcg@10', 'f1', 'shareOfPeak', 'eval/pearson'])
    assert.equal(metricDirection(name), 'higher', name);
  for (const name of ['gradNorm', 'learningRate', 'lossless', 'memory', 'mapping'])
    assert.equal(metricDirection(name), null, name);
});
