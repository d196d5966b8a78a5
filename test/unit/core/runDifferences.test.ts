import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { runDifferences, specRows, specTexts } from '../../../src/core/runDifferences.ts';
import type { ResolvedRunFile } from '../../../src/protocol/runFile.ts';

const clm = { objective: 'clm', until: 150 };
const mlm = { objective: 'mlm', until: 600 };

function resolved(parts: object = {}): ResolvedRunFile {
  return resolveRunFile(
    parseRunFile({ model: 'micro', data: { source: 'world' }, phases: [clm, mlm], ...parts }),
  );
}

test('defaults that are written out, the name and how it is computed are no differences', () => {
  const written = resolved({
    name: 'mine',
    schedule: { peak: 5e-3, warmup: 100 },
    optimizer: { clip: 1 },
    phases: [clm, { ...mlm, maskRatio: 0.4 }],
    engine: { name: 'reference', threads: 1, microBatch: 2 },
    seed: 0,
  });
  assert.deepEqual(runDifferences(resolved(), written), []);
});

test('differences are said in words, with the numbers as one writes them', () => {
  const now = resolved({
    data: { source: '/corpus', tokenizer: { train: { vocabSize: 2048 } }, packing: { length: 256 } },
    phases: [
      { ...clm, until: 300 },
      { ...mlm, maskRatio: [0.5, 0.07] },
    ],
    schedule: { peak: 3e-3 },
    seed: 1,
  });
  assert.deepEqual(runDifferences(resolved(), now), [
    'data: world → /corpus',
    'tokenizer: trained, 1,024 tokens → trained, 2,048 tokens',
    'block length: 128 tokens → 256 tokens',
    'phase 1 (clm), ends at step: 150 → 300',
    'phase 2 (mlm), masked: 40 % → 50 % to 7 %',
    'peak learning rate: 5e-3 → 3e-3',
    'seed: 0 → 1',
  ]);
});

test('removed and added phases are named', () => {
  const alone = resolved({ phases: [{ ...mlm, optimizer: 'fresh' }] });
  assert.deepEqual(runDifferences(resolved(), alone), [
    'phase removed: clm, steps 0 to 150',
    "phase 1 (mlm), AdamW's moments: keep → fresh",
  ]);
  assert.deepEqual(runDifferences(resolved({ phases: [{ ...clm, until: 600 }] }), resolved()), [
    'phase added: mlm, 40 % masked, steps 150 to 600',
    'phase 1 (clm), ends at step: 600 → 150',
  ]);
});

test('another start is one line', () => {
  const from = { checkpoint: '20260101-aaaaaaaa@500', schedule: 'continue' };
  assert.deepEqual(runDifferences(resolved(), resolved({ from })), [
    'starts from: random weights → 20260101-aaaaaaaa@500, schedule continued',
    'tokenizer: trained, 1,024 tokens → checkpoint',
  ]);
});

test('a preset is told by its name, a shape of its own by what differs', () => {
  const [first] = runDifferences(resolved(), resolved({ model: 'mini' }));
  assert.equal(first, 'model: micro → mini');
  assert.ok(!runDifferences(resolved(), resolved({ model: 'mini' })).some((d) => d.startsWith('hidden')));
  const shape = { hiddenSize: 64, layers: 2, heads: 4, intermediateSize: 176 };
  const own = (layers: number): ResolvedRunFile => resolved({ model: { ...shape, layers } });
  assert.deepEqual(runDifferences(own(2), own(3)), ['layers: 2 → 3']);
});

test('whatever else of a resolved run changes is a difference', () => {
  const file = resolved({
    model: { hiddenSize: 64, layers: 2, heads: 4, intermediateSize: 176, vocabSize: 5000 },
    from: { checkpoint: '20260101-aaaaaaaa@500' },
    data: { source: 'world', tokens: 1000, tokenizer: { train: { vocabSize: 1024 } } },
    phases: [clm, mlm, { objective: 'mixed', share: { clm: 0.5, mlm: 0.5 }, until: 700 }],
    checkpoints: { at: [100] },
  });
  const words: Record<string, string> = {
    ...{ keep: 'fresh', restart: 'continue', continue: 'restart', tokens: 'microbatch', random: 'fixed' },
    ...{ linear: '1-sqrt', all: 'matrices', stop: 'skip' },
  };
  const paths: string[] = [];
  const change = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const holder = value as Record<string, unknown>;
    for (const [key, old] of Object.entries(holder)) {
      const here = `${path}.${key}`;
      if (/^\.(schema|kind|name|engine)|objective$/.test(here)) continue;
      if (typeof old === 'object') {
        change(old, here);
        continue;
      }
      holder[key] =
        typeof old === 'number' ? old + 1 : typeof old === 'boolean' ? !old : (words[String(old)] ?? 'else');
      if (runDifferences(file, changed).length === 0) paths.push(here);
      holder[key] = old;
    }
  };
  const changed = structuredClone(file);
  change(changed, '');
  assert.deepEqual(paths, []);
});

const place = { node: 'atlas', bundle: 'a1b2' };

test('a comparison says for each difference why: setup, data, code, seed or place', () => {
  const base = resolved();
  const runs = [
    specTexts(base, place),
    specTexts(resolved({ schedule: { peak: 3e-3 } }), place),
    specTexts(resolved({ data: { source: '/corpus' } }), place),
    specTexts(base, { ...place, bundle: 'ffff' }),
    specTexts(resolved({ seed: 4 }), place),
    specTexts(resolved({ engine: { threads: 1 } }), { ...place, node: 'borealis' }),
  ];
  const differing = specRows(runs).filter((row) => row.differs);
  assert.deepEqual(
    differing.map(({ reason, section, label, texts }) => [reason, section, label, texts.join(' | ')]),
    [
      ['data', 'Data', 'data', 'world | world | /corpus | world | world | world'],
      ['setup', 'Schedule', 'peak learning rate', '5e-3 | 3e-3 | 5e-3 | 5e-3 | 5e-3 | 5e-3'],
      ['seed', 'Seed', 'seed', '0 | 0 | 0 | 0 | 4 | 0'],
      ['code', 'Code', 'bundle', 'a1b2 | a1b2 | a1b2 | ffff | a1b2 | a1b2'],
      ['place', 'Place', 'node', 'atlas | atlas | atlas | atlas | atlas | borealis'],
      ['place', 'Place', 'threads', 'auto | auto | auto | auto | auto | 1'],
    ],
  );
});

test("phases are compared one by one under the paper's name; one that others lack stands with them", () => {
  const rows = specRows([
    specTexts(resolved({ phases: [clm, mlm] }), place),
    specTexts(
      resolved({ phases: [clm, mlm, { objective: 'mixed', share: { clm: 0.5, mlm: 0.5 }, until: 700 }] }),
      place,
    ),
  ]).filter(({ section, differs }) => section === 'Phases' && differs);
  assert.deepEqual(
    rows.map(({ label, texts }) => [label, ...texts]),
    [
      ['objectives', 'clm-150 → mlm40-600', 'clm-150 → mlm40-600 → mixed50-700'],
      ['phase 3', undefined, 'mixed'],
      ['phase 3, ends at step', undefined, '700'],
      ['phase 3, masked', undefined, '40 %'],
      ['phase 3, mask, random and kept', undefined, '100 %, 0 %, 0 %'],
      ['phase 3, CLM and MLM', undefined, '50 % and 50 %'],
      ["phase 3, AdamW's moments", undefined, 'keep'],
    ],
  );
});

test('a run of which nothing is known makes no difference; one whose file cannot be read has its code and place', () => {
  const rows = specRows([specTexts(resolved(), place), null, specTexts(resolved(), place)]);
  assert.ok(rows.every(({ differs }) => !differs));
  const unread = specRows([specTexts(resolved(), place), specTexts(null, place)]);
  assert.equal(unread.find(({ label }) => label === 'bundle')?.differs, false);
  assert.equal(unread.find(({ label }) => label === 'batch')?.differs, true);
});

test('whatever tells two experiments apart is in their comparison too', () => {
  const before = resolved();
  const changes: object[] = [
    { schedule: { warmup: 3 } },
    { optimizer: { betas: [0.8, 0.95] } },
    { batch: { samples: 3 } },
    { model: 'mini' },
    { from: { checkpoint: '20260101-aaaaaaaa@500' } },
    { data: { source: 'world', packing: { sizes: 'fixed' } } },
  ];
  for (const change of changes) {
    const now = resolved(change);
    const said = specRows([specTexts(before, place), specTexts(now, place)]).filter(({ differs }) => differs);
    for (const line of runDifferences(before, now))
      assert.ok(
        said.some(({ label }) => line.startsWith(`${label}: `)),
        line,
      );
  }
});
