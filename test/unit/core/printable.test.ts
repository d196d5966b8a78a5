import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printable } from '../../../src/core/printable.ts';

test('no text can move the cursor, break the line or turn its direction', () => {
  assert.equal(printable('a\nb\u001b[31mred\u202ertl\u0000'), 'a\ufffdb\ufffd[31mred\ufffdrtl\ufffd');
  assert.equal(printable('naïve 模型 🙂'), 'naïve 模型 🙂');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
      const text = String.fromCharCode(...units);
      const shown = printable(text);
      assert.equal(shown.search(/[^\P{Cc}]|[\u2028-\u202e\u2066-\u2069\ufffe\uffff]/u), -1);
      assert.ok(shown.isWellFormed());
      assert.equal(shown.length, text.length);
    }),
  );
});
