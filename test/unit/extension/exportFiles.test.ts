import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvCell } from '../../../src/core/csvCell.ts';
import { plainFileName } from '../../../src/extension/plainFileName.ts';

test('a file is named after anything a run may be called', () => {
  assert.equal(plainFileName('610m-clm 10k/mlm'), '610m-clm-10k-mlm');
  assert.equal(plainFileName('<img src=x>'), 'img-src-x');
  assert.equal(plainFileName('../..'), 'curves');
  assert.equal(plainFileName('a'.repeat(300)).length, 80);
});

test('a cell with quotes, commas or lines is quoted, and none is a formula', () => {
  assert.equal(csvCell('loss'), 'loss');
  assert.equal(csvCell('a "b", c'), '"a ""b"", c"');
  assert.equal(csvCell('=cmd()'), "'=cmd()");
  assert.equal(csvCell('two\nlines'), '"two\nlines"');
});
