import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  appendKnownHost,
  checkHostKey,
  hashedHost,
  hostsFieldMatches,
  knownHostsName,
  knownKeyTypes,
  loadKnownHosts,
  parseKnownHosts,
} from '../../../../src/control/nodes/ssh/knownHosts.ts';
import { matchesPattern } from '../../../../src/control/nodes/ssh/patternList.ts';

function blob(type: string, fill: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(type.length);
  const body = Buffer.alloc(36, fill);
  body.writeUInt32BE(32);
  return Buffer.concat([head, Buffer.from(type), body]);
}

const key = blob('ssh-ed25519', 1);
const other = blob('ssh-ed25519', 2);

test('appending closes a torn line, makes a private file and is found again', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-known-'));
  try {
    const file = path.join(folder, '.ssh/known_hosts');
    appendKnownHost(file, 'one', key, false);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal(fs.statSync(path.dirname(file)).mode & 0o777, 0o700);
    fs.appendFileSync(file, '# torn');
    appendKnownHost(file, '[two]:2022', other, true);
    const text = fs.readFileSync(file, 'utf8');
    assert.match(text, /# torn\n\|1\|/);
    assert.ok(!text.includes('two'));
    const entries = loadKnownHosts([file, path.join(folder, 'missing')]);
    assert.equal(checkHostKey(entries, 'one', key).result, 'known');
    assert.equal(checkHostKey(entries, knownHostsName('TWO', 2022), other).result, 'known');
    assert.equal(checkHostKey(entries, '[two]:2022', key).result, 'changed');
    assert.equal(checkHostKey(entries, 'two', other).result, 'unknown');
    assert.deepEqual([...knownKeyTypes(entries, 'one')], ['ssh-ed25519']);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test('a hashed name matches itself only', () => {
  fc.assert(
    fc.property(fc.domain(), fc.domain(), (a, b) => {
      const field = hashedHost(a);
      assert.equal(hostsFieldMatches(field, a), true);
      assert.equal(hostsFieldMatches(field, b), a === b);
    }),
  );
});

test('a pattern matches as the regular expression of the same meaning does', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 10 });
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
      assert.equal(matchesPattern(pattern, text), new RegExp(`^${source}$`).test(text));
    }),
  );
});

test('any text is read without harm', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      checkHostKey(parseKnownHosts(`${text}\n@revoked ${text} a`, 'x'), 'host', key);
    }),
  );
});
