import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { toBiphaseError } from '../../../src/core/errors.ts';

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

test('what the system says of a path becomes a sentence', (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-errors-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, '');
  const cases: [place: string, kind: string, why: string][] = [
    [path.join(folder, 'none'), 'missing', 'it, or a folder above it, is not there'],
    [path.join(file, 'below'), 'missing', 'something above it is no folder'],
    [folder, 'refused', 'it is a folder'],
  ];
  for (const [place, kind, why] of cases) {
    const error = toBiphaseError(thrownBy(() => fs.openSync(place, 'r+')));
    assert.deepEqual([error.kind, error.message], [kind, `${place} cannot be used: ${why}.`]);
  }
});

test('everything else keeps its message', () => {
  const error = toBiphaseError(new Error('odd'));
  assert.deepEqual([error.kind, error.message, error.next], ['internal', 'odd', undefined]);
  assert.equal(toBiphaseError('text').message, 'text');
});
