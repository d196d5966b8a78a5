import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { quoteForShell } from '../../../../src/control/nodes/ssh/remoteShell.ts';

/** Login shells of this machine. Those that are no POSIX shells are the reason for much of quoteForShell. */
const shells = ['sh', 'bash', 'dash', 'zsh', 'ksh93', 'mksh', 'tcsh', 'csh', 'fish'].flatMap((name) => {
  const found = (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
  return found ? [found] : [];
});

/** What a real shell makes of the words: each one ended by a NUL byte, which no argument can hold. */
function throughShell(shell: string, words: string[]): string[] {
  const command = quoteForShell(['printf', '%s\\0', ...words]);
  const out = execFileSync(shell, ['-c', command], { encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

const nasty = fc.string({
  unit: fc.constantFrom(...`'"\\$\`()!*?[]{}<>|&;#~%^= \n\r\tabü→😀-`.match(/./gsu)!),
  maxLength: 20,
});

for (const shell of shells)
  test(`${path.basename(shell)} gets back every argument as it was`, () => {
    fc.assert(
      fc.property(fc.array(nasty, { minLength: 1, maxLength: 12 }), (words) => {
        assert.deepEqual(throughShell(shell, words), words);
      }),
      { numRuns: 100 },
    );
    const words = ["'", "''", "'\\''", '$(touch x)', '`x`', '', '-n', 'a\nb', '!!', 'a!b', '\\', '\n'];
    for (const word of words) assert.deepEqual(throughShell(shell, [word]), [word]);
    assert.deepEqual(throughShell(shell, words), words);
  });

test('what a csh or fish would take for its own is not in the command', () => {
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 1 }), (words) => {
      const command = quoteForShell(words);
      assert.doesNotMatch(command, /[\n\r!]/);
      const backslashes = command.replaceAll(/'\\''|\\0[0-7]{3}/g, '');
      assert.ok(!backslashes.includes('\\'), command);
    }),
  );
});

test('nothing and NUL bytes are refused', () => {
  assert.throws(() => quoteForShell([]), RangeError);
  assert.throws(() => quoteForShell(['a\0b']), RangeError);
});
