import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { quoteForShell } from '../../../../src/control/nodes/ssh/remoteShell.ts';

/** What a real shell makes of the words: each one ended by a NUL byte, which no argument can hold. */
function throughShell(words: string[]): string[] {
  const command = quoteForShell(['printf', '%s\\0', ...words]);
  const out = execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', env: { PATH: process.env.PATH } });
  return out.split('\0').slice(0, -1);
}

const nasty = fc.string({
  unit: fc.constantFrom(...`'"\\$\`()!*?[]{}<>|&;#~%^= \n\r\tabü→😀-`.match(/./gsu)!),
  maxLength: 20,
});

test('a real shell gets back every argument as it was', { skip: process.platform === 'win32' }, () => {
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 1, maxLength: 12 }), (words) => {
      assert.deepEqual(throughShell(words), words);
    }),
    { numRuns: 150 },
  );
  assert.deepEqual(throughShell(["'", "''", "'\\''", '$(touch x)', '`x`', '', '-n', 'a\nb']), [
    "'",
    "''",
    "'\\''",
    '$(touch x)',
    '`x`',
    '',
    '-n',
    'a\nb',
  ]);
});

test('nothing and NUL bytes are refused', () => {
  assert.throws(() => quoteForShell([]), RangeError);
  assert.throws(() => quoteForShell(['a\0b']), RangeError);
});
