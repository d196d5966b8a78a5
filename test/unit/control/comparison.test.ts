import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Comparison } from '../../../src/control/runs/comparison.ts';
import { RunCatalog } from '../../../src/control/runs/runCatalog.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import type { ComparedRun } from '../../../src/protocol/comparison.ts';
import type { Spec } from '../../../src/protocol/runDirectory.ts';

const run = '20260101-abcdefgh';

const spec: Spec = {
  schema: 1,
  id: run,
  name: 'any',
  kind: 'pretrain',
  createdAt: 1,
  bundle: 'a1b2',
  file: {
    model: 'micro',
    data: { source: 'world' },
    phases: [{ objective: 'clm', until: 10 }],
    engine: { threads: 3 },
  },
};

interface Line {
  segment?: number;
  step: number;
  elapsed?: number;
  metrics: Record<string, number | string>;
}

function compared(context: TestContext, lines: readonly Line[], written: Spec | null = spec): ComparedRun {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-compare-'));
  const store = new CacheStore(path.join(folder, 'cache.db'));
  const catalog = new RunCatalog(
    store,
    () => {},
    () => {},
  );
  context.after(() => {
    catalog.close();
    store.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  catalog.report('atlas', 'root', {
    ...{ run, state: 'finished', spec: written, wrapper: null, progress: null, exit: null },
    ...{ checkpoints: [], lastEvent: null },
  });
  const text = lines
    .map(({ segment = 0, step, elapsed = step, metrics }) =>
      JSON.stringify({ segment, step, tokens: step, time: step, elapsed, metrics }),
    )
    .join('\n');
  store.addBytes(run, {
    ...{ file: 'metrics.jsonl', offset: 0, identity: '1:1', reset: false },
    bytes: Buffer.from(`${text}\n`),
  });
  const found = new Comparison(catalog, store).of(run);
  assert.ok(found);
  return found;
}

const metricOf = (found: ComparedRun, name: string) => found.metrics.find((metric) => metric.name === name);

test('final and best values have their steps; NaN and infinity are counted, and best of nothing is none', (context) => {
  const found = compared(context, [
    {
      step: 1,
      metrics: { loss: 3, accuracy: 0.2, broken: 'NaN', 'broken/loss': 'NaN', tokensPerSecond: 100 },
    },
    {
      step: 2,
      metrics: {
        loss: 1,
        accuracy: 0.9,
        broken: 'Infinity',
        'broken/loss': 'Infinity',
        tokensPerSecond: 300,
      },
    },
    { step: 3, metrics: { loss: 2, accuracy: 0.5, 'broken/loss': '-Infinity', tokensPerSecond: 200 } },
    { step: 4, metrics: { loss: 'NaN' } },
  ]);
  assert.deepEqual(metricOf(found, 'loss'), {
    ...{ name: 'loss', points: 4, nonFinite: 1 },
    ...{ last: { step: 4, value: 'NaN' }, best: { step: 2, value: 1 } },
  });
  assert.deepEqual(metricOf(found, 'accuracy')?.best, { step: 2, value: 0.9 });
  assert.deepEqual(metricOf(found, 'broken'), {
    ...{ name: 'broken', points: 2, nonFinite: 2 },
    ...{ last: { step: 2, value: 'Infinity' }, best: null },
  });
  assert.deepEqual(metricOf(found, 'broken/loss')?.last, { step: 3, value: '-Infinity' });
  assert.equal(metricOf(found, 'broken/loss')?.best, null);
  assert.equal(found.tokensPerSecond, 200);
  assert.equal(found.elapsed, 4);
  assert.equal(found.threads, 3);
});

test('what a resumed segment computes anew counts once: its steps hide those of the segment before', (context) => {
  const found = compared(context, [
    { step: 1, metrics: { loss: 3 } },
    { step: 2, metrics: { loss: 0.1 } },
    { step: 3, metrics: { loss: 2 } },
    { segment: 1, step: 2, elapsed: 5, metrics: { loss: 2.5 } },
  ]);
  assert.deepEqual(metricOf(found, 'loss'), {
    ...{ name: 'loss', points: 2, nonFinite: 0 },
    ...{ last: { step: 2, value: 2.5 }, best: { step: 2, value: 2.5 } },
  });
  assert.equal(found.elapsed, 5);
});

test('a run without points, and run files that cannot be read', (context) => {
  const empty = compared(context, []);
  assert.deepEqual([empty.metrics, empty.elapsed, empty.tokensPerSecond], [[], null, null]);
  assert.equal(empty.problem, null);
  assert.equal(empty.spec?.['setup › Model › model'], 'micro');
  const newer = compared(context, [], { ...spec, file: { model: 'of tomorrow' } });
  assert.match(newer.problem ?? '', /cannot read/);
  assert.deepEqual(newer.spec, { 'code › Code › bundle': 'a1b2', 'place › Place › node': 'atlas' });
  const gone = compared(context, [], null);
  assert.equal(gone.spec, null);
  assert.match(gone.problem ?? '', /could not be read/);
});

test('what a run file holds is shown without characters that turn or move text', (context) => {
  const file = { ...spec.file, data: { source: '/a\u202eb\u001b[2J' } };
  assert.doesNotMatch(
    compared(context, [], { ...spec, file }).spec?.['data › Data › data'] ?? '',
    /[\u202e\u001b]/,
  );
});

test('what was imported has no run file, which is no problem', (context) => {
  const found = compared(context, [{ step: 1, metrics: { loss: 3 } }], {
    ...spec,
    kind: 'imported',
    file: {},
  });
  assert.deepEqual([found.spec, found.problem], [null, null]);
  assert.equal(metricOf(found, 'loss')?.points, 1);
});
