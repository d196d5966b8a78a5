import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ExportService } from '../../../../src/control/exports/exportService.ts';
import { CacheStore } from '../../../../src/control/store/cacheStore.ts';
import { TransferDesk } from '../../../../src/control/transfers/transferDesk.ts';

const [first, second] = ['20260101-aaaaaaaa', '20260101-bbbbbbbb'] as const;

/** A store with two runs, none of which is in memory. */
function stored(context: TestContext): { store: CacheStore; folder: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-export-'));
  const file = path.join(folder, 'cache.db');
  const writer = new CacheStore(file);
  const text = Array.from(
    { length: 60_000 },
    (_, step) => `{"segment":0,"step":${step},"tokens":0,"time":0,"elapsed":0,"metrics":{"loss":${step}}}\n`,
  ).join('');
  for (const run of [first, second])
    writer.addBytes(run, {
      ...{ file: 'metrics.jsonl', offset: 0, identity: '1', reset: false, bytes: Buffer.from(text) },
    });
  writer.close();
  const store = new CacheStore(file);
  context.after(() => {
    store.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return { store, folder };
}

const request = { transfer: 't', format: 'csv' as const, replace: false };

test('who waits for control has turns while a run is brought into memory to be exported', async (context) => {
  const { store, folder } = stored(context);
  const service = new ExportService(new TransferDesk(), (run) => run, store);
  let turns = 0;
  const { columns } = store;
  let before = -1;
  context.mock.method(store, 'columns', (run: string) => {
    before = turns;
    return columns.call(store, run);
  });
  const count = (): void => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  await service.export({ ...request, runs: [first], folder }, () => undefined);
  clearImmediate(timer);
  assert.ok(before >= 2, `${before}`);
});

test('a run that is deleted before its turn is told, not written as an empty file', async (context) => {
  const { store, folder } = stored(context);
  const names = new Map([first, second].map((run) => [run as string, run]));
  const service = new ExportService(new TransferDesk(), (run) => names.get(run), store);
  const done = service.export({ ...request, runs: [first, second], folder }, () => names.delete(second));
  await assert.rejects(done, { kind: 'missing', message: new RegExp(second) });
  assert.deepEqual(
    fs.readdirSync(folder).filter((name) => name.endsWith('.csv')),
    [`${first}.csv`],
  );
});
