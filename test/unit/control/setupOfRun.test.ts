import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { setupOfRun } from '../../../src/control/runs/setupOfRun.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import type { ResolvedRunFile } from '../../../src/protocol/runFile.ts';

const folder = path.join(import.meta.dirname, '../../../examples');
const examples = fs
  .readdirSync(folder)
  .filter((file) => file.endsWith('.run.yaml'))
  .map((name) => ({ name, written: parse(fs.readFileSync(path.join(folder, name), 'utf8')) as object }));

const unknown = (): undefined => undefined;
const resolved = (written: object): ResolvedRunFile => resolveRunFile(parseRunFile(written));
const setup = (written: object, find: (run: string) => ResolvedRunFile | undefined = unknown): string =>
  setupOfRun(resolved(written), find);

/** Every number, text and yes or no within, by its path. */
function leaves(value: unknown, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at];
  return Object.entries(value).flatMap(([key, part]) => leaves(part, [...at, key]));
}

function changedAt(file: ResolvedRunFile, [key, ...rest]: readonly string[]): ResolvedRunFile {
  const change = (value: unknown, at: readonly string[]): unknown => {
    const [first, ...others] = at;
    if (first === undefined)
      return typeof value === 'number'
        ? value + 1
        : typeof value === 'boolean'
          ? !value
          : `${String(value)}x`;
    const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
    Object.assign(copy, { [first]: change((value as Record<string, unknown>)[first], others) });
    return copy;
  };
  return change(file, [key!, ...rest]) as ResolvedRunFile;
}

test('a setup is the same for other seeds, names, and ways to compute it, and another for anything else', () => {
  const same = new Set(['schema', 'name', 'modelName', 'seed', 'engine']);
  for (const { name, written } of examples) {
    const file = resolved(written);
    const before = setupOfRun(file, unknown);
    for (const at of leaves(file)) {
      const after = setupOfRun(changedAt(file, at), unknown);
      if (same.has(at[0]!)) assert.equal(after, before, `${name}: ${at.join('.')}`);
      else assert.notEqual(after, before, `${name}: ${at.join('.')}`);
    }
  }
});

test('the examples are all different setups, and defaults count as if they were written', () => {
  assert.equal(new Set(examples.map(({ written }) => setup(written))).size, examples.length);
  const short = { model: 'micro', data: { source: 'world' }, phases: [{ objective: 'mlm', until: 600 }] };
  const long = {
    phases: [{ until: 600, maskRatio: [0.4, 0.4], objective: 'mlm' }],
    data: { packing: { length: 128 }, source: 'world', column: 'text' },
    model: 'micro',
    schedule: { warmup: 100, decay: 100 },
    seed: 7,
    name: 'written out',
    engine: { name: 'wasm', threads: 3, microBatch: 4 },
  };
  assert.equal(setup(short), setup(long));
  assert.match(setup(short), /^[0-9a-f]{12}$/);
});

test('the micro-batch belongs to the setup where the loss is averaged over micro-batches', () => {
  const of = (microBatch: number, average: string): string =>
    setup({
      ...{ model: 'micro', data: { source: 'world' }, phases: [{ objective: 'clm', until: 60 }] },
      ...{ engine: { microBatch }, loss: { average } },
    });
  assert.equal(of(4, 'tokens'), of(8, 'tokens'));
  assert.notEqual(of(4, 'microbatch'), of(8, 'microbatch'));
});

test('branches of two seeds are one setup, of two setups or two steps they are not, however long the lineage', () => {
  const base = { model: 'micro', data: { source: 'world' }, phases: [{ objective: 'clm', until: 60 }] };
  const from = (run: string, step = 60) => ({ ...base, from: { checkpoint: `${run}@${step}` } });
  const runs = new Map<string, ResolvedRunFile>([
    ['20260101-aaaaaaaa', resolved({ ...base, seed: 0 })],
    ['20260101-bbbbbbbb', resolved({ ...base, seed: 1 })],
    ['20260101-cccccccc', resolved({ ...base, batch: { samples: 16 } })],
    ['20260101-dddddddd', resolved(from('20260101-aaaaaaaa'))],
    ['20260101-eeeeeeee', resolved(from('20260101-bbbbbbbb'))],
    ['20260101-ffffffff', resolved(from('20260101-ffffffff'))],
  ]);
  const of = (run: string, step?: number): string => setup(from(run, step), (id) => runs.get(id));
  assert.equal(of('20260101-aaaaaaaa'), of('20260101-bbbbbbbb'));
  assert.equal(of('20260101-dddddddd'), of('20260101-eeeeeeee'));
  assert.notEqual(of('20260101-aaaaaaaa'), of('20260101-cccccccc'));
  assert.notEqual(of('20260101-aaaaaaaa'), of('20260101-aaaaaaaa', 30));
  assert.notEqual(of('20260101-aaaaaaaa'), of('20260101-dddddddd'));
  assert.notEqual(of('20260101-11111111'), of('20260101-22222222'), 'runs that nobody knows');
  assert.match(of('20260101-ffffffff'), /^[0-9a-f]{12}$/, 'a run that names itself');
});
