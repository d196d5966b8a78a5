import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { cachedFolder } from '../../../../src/trainer/data/cachePlace.ts';

const minute = 60_000;

test('the mark of a maker that died is taken over, also after the clock was set back', async (context) => {
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-cache-'));
  context.after(() => fs.rmSync(cache, { recursive: true }));
  const waits = async (): Promise<void> => {
    throw new Error('it waits');
  };
  for (const [name, age] of [
    ['old', minute],
    ['future', -60 * minute],
    ['fresh', 0],
  ] as const) {
    const place = path.join(cache, name);
    fs.mkdirSync(`${place}.making`);
    const beaten = new Date(Date.now() - age);
    fs.utimesSync(`${place}.making`, beaten, beaten);
    const made = cachedFolder(place, async (folder) => fs.writeFileSync(path.join(folder, 'x'), ''), waits);
    if (name === 'fresh') await assert.rejects(made, /it waits/);
    else await made;
    assert.equal(fs.existsSync(path.join(place, 'x')), name !== 'fresh', name);
  }
});
