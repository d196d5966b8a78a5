import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { packFile, spaceFor } from '../../../src/control/nodes/bootstrap/placeFile.ts';

test('a file that travels as it is needs its own size on the node, a packed one four times what is sent', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-space-'));
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, Buffer.alloc(100_000, 7));
  try {
    assert.equal(spaceFor(await packFile(file, false, '600')), 100_000);
    const packed = await packFile(file, true, '600');
    assert.ok(packed.size < 100_000);
    assert.equal(spaceFor(packed), 4 * packed.size);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
