import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutlierDetector, outlierWindow } from '../../../src/core/outliers.ts';

/** Alternates between −1 and 1: mean 0, deviation 1. */
function filled(): OutlierDetector {
  const detector = new OutlierDetector();
  for (let i = 0; i < outlierWindow; i++) assert.equal(detector.zScore(i % 2 === 0 ? 1 : -1), null);
  return detector;
}

test('a value is measured in deviations from the mean of the window before it', () => {
  assert.equal(filled().zScore(7), 7);
  assert.equal(filled().zScore(-3), -3);
  assert.equal(filled().zScore(0), 0);
});

test('the window slides: what has left it does not count', () => {
  const detector = filled();
  detector.zScore(1000);
  assert.ok(Math.abs(detector.zScore(7) ?? 0) < 1, 'the large value is in the window');
  for (let i = 0; i < outlierWindow; i++) detector.zScore(i % 2 === 0 ? 1 : -1);
  assert.equal(detector.zScore(7), 7);
});

test('nothing is said of values that are not finite, of equal values, or after a reset until the window is full', () => {
  const detector = filled();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(detector.zScore(value), null);
  assert.equal(detector.zScore(2), 2);
  detector.reset();
  for (let i = 0; i <= outlierWindow; i++) assert.equal(detector.zScore(5), null);
});
