import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnprovenSecrets } from '../../../src/extension/control/unprovenSecrets.ts';

test('a node that needs a passphrase and a password keeps both, and what was wrong is dropped alone', () => {
  const secrets = new UnprovenSecrets();
  secrets.add('atlas', 'passphrase:/key', 'one');
  secrets.add('atlas', 'password:ana@atlas:22', 'wrong');
  secrets.add('boreas', 'passphrase:/other', 'two');
  secrets.drop('password:ana@atlas:22');
  secrets.add('atlas', 'password:ana@atlas:22', 'three');
  assert.deepEqual(secrets.take('atlas'), [
    ['passphrase:/key', 'one'],
    ['password:ana@atlas:22', 'three'],
  ]);
  assert.deepEqual(secrets.take('atlas'), []);
  assert.deepEqual(secrets.take('boreas'), [['passphrase:/other', 'two']]);
});
