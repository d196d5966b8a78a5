import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { worldDocumentCount } from '../../../src/core/worldSource.ts';

test('world has a number of documents, other sources none', () => {
  assert.equal(worldDocumentCount('world'), 16_000);
  assert.equal(worldDocumentCount('world:400'), 400);
  assert.equal(worldDocumentCount('hub:a/b'), null);
  assert.equal(worldDocumentCount('corpora'), null);
  assert.equal(worldDocumentCount('./worlds'), null);
});

test('a slip of world is no folder of that name', () => {
  for (const source of ['wurld', 'worlds', 'wrold'])
    assert.throws(() => worldDocumentCount(source), { kind: 'usage', message: /Did you mean "world"/ });
});

test('a number that makes no sense is refused before anything is launched', () => {
  for (const number of ['', '0', '-1', '1e3', '10000001', '99999999999999999999', 'x'])
    assert.throws(
      () =>
        resolveRunFile(
          parseRunFile({
            model: 'micro',
            data: { source: `world:${number}` },
            phases: [{ objective: 'clm', until: 1 }],
          }),
        ),
      {
        kind: 'usage',
        message: `The source "world:<documents>" needs a whole number from 1 to 10000000, not "${number}".`,
      },
    );
});
