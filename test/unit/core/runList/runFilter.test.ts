import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toBiphaseError } from '../../../../src/core/errors.ts';
import {
  type FilterTerm,
  filterKeys,
  matchesFilter,
  parseRunFilter,
} from '../../../../src/core/runList/runFilter.ts';
import { fakeRun } from '../../../browser/pages/fakeRuns.ts';

const runs = [
  fakeRun(1, '610m-clm-42k', { state: 'failed', phases: [{ objective: 'clm', until: 42_000 }] }),
  fakeRun(2, '610m-mlm40-42k', { tags: ['good', 'for paper'], node: 'Atlas', group: 'masking' }),
  fakeRun(3, 'the best one', { launchedName: '210m-clm-10k-mlm40', state: 'finished', tags: ['good'] }),
  fakeRun(4, 'micro: $(flame) "quoted"', { state: 'queued', node: 'this computer' }),
];
const found = (text: string): number[] => {
  const filter = parseRunFilter(text);
  return runs.flatMap((run, index) => (matchesFilter(run, filter) ? [index + 1] : []));
};

for (const [text, expected] of [
  ['', [1, 2, 3, 4]],
  ['   ', [1, 2, 3, 4]],
  ['610M', [1, 2]],
  ['610m mlm', [2]],
  ['clm-10k', [3]],
  ['20260101-00000004', [4]],
  ['paper', [2]],
  ['state:failed', [1]],
  ['state:failed,finished', [1, 3]],
  ['state:active', [2, 4]],
  ['-state:active', [1, 3]],
  ['state:ended -610m', [3]],
  ['node:atlas', [1, 2, 3]],
  ['node:"this computer"', [4]],
  ['tag:good', [2, 3]],
  ['tag:goo', []],
  ['tag:"for paper"', [2]],
  ['-tag:good', [1, 4]],
  ['tag:good,nothing objective:mlm', [2, 3]],
  ['objective:clm -objective:mlm', [1]],
  ['group:MASKING', [2]],
  ['"micro: $(flame)"', [4]],
  ['"state:failed"', []],
  ['-"the best"', [1, 2, 4]],
  ['$(flame)', [4]],
  ['STATE:Failed', [1]],
] as const)
  test(`the filter ${text} finds ${expected.join(' and ') || 'nothing'}`, () => {
    assert.deepEqual(found(text), expected);
  });

for (const [text, sentence] of [
  ['stat:failed', /"stat:" is not something to filter by.*Did you mean "state:"/],
  ['state:fialed', /"fialed" is not a state.*Did you mean "failed"/],
  ['tag:', /"tag:" needs a value/],
  ['state:failed node:', /"node:" needs a value/],
] as const)
  test(`the filter ${text} is refused with what was meant`, () => {
    assert.throws(
      () => parseRunFilter(text),
      (thrown) => toBiphaseError(thrown).kind === 'usage' && sentence.test(toBiphaseError(thrown).message),
    );
  });

/** The filter as a person would type it. */
function written(filter: readonly FilterTerm[]): string {
  const quoted = (value: string): string => (/[\s",:]|^-|^$/u.test(value) ? `"${value}"` : value);
  return filter
    .map(({ key, values, not }) => {
      const text = values.map(quoted).join(',');
      return `${not ? '-' : ''}${key === 'text' ? text : `${key}:${text}`}`;
    })
    .join(' ');
}

test('a filter that is written out is read again as the same', () => {
  const word = fc.string({ minLength: 1, maxLength: 12 }).map((text) => text.replaceAll('"', ''));
  const value = word.filter((text) => text !== '');
  const term: fc.Arbitrary<FilterTerm> = fc.oneof(
    fc.record({ key: fc.constant('text' as const), values: fc.tuple(value), not: fc.boolean() }),
    fc.record({
      key: fc.constantFrom(...filterKeys.filter((key) => key !== 'state')),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
      not: fc.boolean(),
    }),
    fc.record({
      key: fc.constant('state' as const),
      values: fc.subarray(['failed', 'lost', 'active', 'queued'], { minLength: 1 }),
      not: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(fc.array(term, { maxLength: 4 }), (filter) => {
      assert.deepEqual(
        parseRunFilter(written(filter)),
        filter.map((one) => ({ ...one })),
      );
    }),
  );
});

test('whatever is typed is read or refused in a sentence', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60, unit: 'grapheme' }), (text) => {
      try {
        for (const run of runs) matchesFilter(run, parseRunFilter(text));
      } catch (thrown) {
        assert.equal(toBiphaseError(thrown).kind, 'usage');
      }
    }),
    { numRuns: 500 },
  );
});
