import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');

test('every test that docs/promises.md names exists', () => {
  const text = fs.readFileSync(path.join(root, 'docs/promises.md'), 'utf8');
  const named = [...text.matchAll(/\| `(test\/[^`]+)`: (.+) \|$/gm)].map(([, file, name]) => [file!, name!]);
  assert.ok(named.length > 20, `${named.length} tests are named`);
  const missing = named.filter(([file, name]) => {
    const place = path.join(root, file!);
    const text = fs.existsSync(place) ? fs.readFileSync(place, 'utf8') : '';
    return ![`'${name}'`, `"${name}"`].some((title) => text.includes(`test(${title}`));
  });
  assert.deepEqual(missing, []);
});
