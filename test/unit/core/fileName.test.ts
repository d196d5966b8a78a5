import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fileName, fileNameParts } from '../../../src/core/fileName.ts';

test('names that people give become names of files', () => {
  const names: [string, string][] = [
    ['baseline 2', 'baseline 2'],
    ['a/b\\c:d', 'a-b-c-d'],
    ['../../etc/passwd', '-..-etc-passwd'],
    ['.hidden', 'hidden'],
    ['', 'run'],
    ['...', 'run'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['größe\u202e\u0000', 'größe--'],
    ['ends. ', 'ends'],
  ];
  for (const [name, file] of names) assert.equal(fileName(name), file);
  assert.deepEqual(fileNameParts('/a/../b/./c'), ['a', 'b', 'c']);
  assert.deepEqual(fileNameParts('..'), ['run']);
});

test('of a name without end only its beginning is looked at', (context) => {
  let bytes = 0;
  const { encode } = TextEncoder.prototype;
  context.mock.method(TextEncoder.prototype, 'encode', function (this: TextEncoder, text: string) {
    bytes += text.length;
    return encode.call(this, text);
  });
  assert.equal(fileName('ab'.repeat(5000)), 'ab'.repeat(60));
  assert.equal(fileName('🙂'.repeat(5000)), '🙂'.repeat(30));
  assert.ok(bytes < 1_000_000, `${bytes}`);
});

test('no name leads elsewhere, hides a file or is too long for a system', () => {
  const strange = fc.array(fc.constantFrom('.', '/', '\\', '..', ' ', '\ud800', 'é', '日', 'a', '\0', '\n'), {
    maxLength: 200,
  });
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    strange.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(name, (text) => {
      for (const part of [fileName(text), ...fileNameParts(text)]) {
        assert.ok(part.length > 0 && Buffer.byteLength(part) <= 121);
        assert.equal(path.basename(part), part);
        assert.equal(path.win32.basename(part), part);
        assert.ok(!part.startsWith('.') && !/[\s.]$/.test(part) && part.isWellFormed());
      }
      assert.ok(path.join('/x', ...fileNameParts(text)).startsWith('/x/'));
    }),
  );
});
