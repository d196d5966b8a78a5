import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oddConfig } from '../../support/models.ts';
import { trainingBits, wideConfig } from '../../support/trainingBits.ts';

for (const [shape, config] of Object.entries({ odd: oddConfig, wide: wideConfig }))
  for (const causal of [true, false])
    test(`${causal ? 'CLM' : 'MLM'} on the ${shape} shape: 1, 2 and 4 threads leave the same bits`, async () => {
      const expected = await trainingBits(config, causal, 1);
      for (const threads of [2, 4]) {
        const actual = await trainingBits(config, causal, threads);
        assert.deepEqual([...actual.keys()], [...expected.keys()]);
        for (const [name, bytes] of expected)
          assert.ok(bytes.equals(actual.get(name)!), `${name} differs between 1 and ${threads} threads`);
      }
    });
