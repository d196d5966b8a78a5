import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Load, makeParcel, packed, spaceFor } from '../../../src/control/nodes/bootstrap/parcel.ts';

test('what a parcel needs on a node: itself and what is taken out of it; one file as it is only itself', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-space-'));
  const source = path.join(folder, 'file');
  fs.writeFileSync(source, Buffer.alloc(100_000, 7));
  const load = (count: number): Load => ({
    folder: '/node/load',
    id: 'load',
    files: Array.from({ length: count }, (_, i) => ({ source, path: `${i}`, mode: '600' as const })),
    check: 'none',
  });
  try {
    assert.equal(spaceFor(await makeParcel(load(1))), 100_000);
    assert.equal(spaceFor(await makeParcel(load(3))), 300_000 + 300_000 + 3 * (512 + 352) + 1024);
    const one = await packed(await makeParcel(load(1)));
    assert.ok(one.size < 10_000);
    assert.equal(spaceFor(one), one.size + 100_000);
    const several = await packed(await makeParcel(load(3)));
    assert.equal(spaceFor(several), several.size + 300_000);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
