import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ImportedRuns } from '../../../../src/control/imports/importedRuns.ts';
import { MetricsWriter } from '../../../../src/control/imports/metricsWriter.ts';
import { RunCatalog } from '../../../../src/control/runs/runCatalog.ts';
import { CacheStore } from '../../../../src/control/store/cacheStore.ts';

test('a run whose copy was deleted by hand is imported again into its place', async (context) => {
  const state = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-imported-'));
  const store = new CacheStore(path.join(state, 'cache.db'));
  const nothing = () => undefined;
  const catalog = new RunCatalog(store, nothing, nothing);
  context.after(() => {
    catalog.close();
    store.close();
    fs.rmSync(state, { recursive: true, force: true });
  });
  const folder = path.join(state, 'imported');
  const runs = new ImportedRuns({ folder, catalog, store, committed: nothing, log: assert.fail });
  const take = (loss: number) => {
    const writer = new MetricsWriter(path.join(runs.makePart(), '0'));
    const at = { segment: 0, step: 1, tokens: 0, time: undefined, elapsed: undefined };
    writer.add(at, [['loss', loss]]);
    writer.end();
    return runs.take(writer, 'baseline', '/logs/baseline');
  };
  const first = await take(1);
  fs.rmSync(path.join(folder, first.run), { recursive: true });
  assert.deepEqual(await take(2), { run: first.run, updated: true });
  assert.deepEqual([...store.columns(first.run).metric('loss').value.view()], [2]);
  assert.ok(fs.existsSync(path.join(folder, first.run, 'metrics.jsonl')));
});
