import { holm } from '../../src/core/statistics/holm.ts';
import { mean } from '../../src/core/statistics/moments.ts';
import { type Difference, pairedTest, welchTest } from '../../src/core/statistics/tTests.ts';

/** Finite values of a metric in a column, with the seeds that made them. */
export interface Sample {
  values: readonly number[];
  seeds: readonly (number | null)[];
}

/** A test of a column against another one; p is adjusted by Holm for all tests of its row. */
export interface Tested extends Difference {
  how: 'paired by seed' | 'Welch';
}

/** What a row of values says. */
export interface Verdict {
  /** Column that is better than every other one beyond chance; null: none is, or that cannot be told. */
  winner: number | null;
  /** Why no winner can be told at all. */
  why: 'one seed' | 'no spread' | null;
  /** Of each column against the baseline; null where it cannot be tested. */
  against: readonly (Tested | null)[];
}

export const significance = 0.05;

/**
 * Judges columns by samples. `direction`: which way is better, null: unknown. `baseline`: index of its column, or null.
 * The winner has the best mean and differs from each other column (Holm over these tests).
 */
export function judge(
  samples: readonly Sample[],
  direction: 'lower' | 'higher' | null,
  baseline: number | null,
): Verdict {
  const against =
    baseline === null
      ? samples.map(() => null)
      : adjusted(samples, (i) => (i === baseline ? null : baseline));
  const filled = samples.flatMap(({ values }, i) => (values.length > 0 ? [i] : []));
  if (direction === null || filled.length < 2) return { winner: null, why: null, against };
  if (filled.some((i) => samples[i]!.values.length < 2)) return { winner: null, why: 'one seed', against };
  const means = samples.map(({ values }) => mean(values));
  const best = filled.reduce((b, i) =>
    (direction === 'lower' ? means[i]! < means[b]! : means[i]! > means[b]!) ? i : b,
  );
  const others = adjusted(samples, (i) => (i === best || samples[i]!.values.length === 0 ? null : best));
  const tests = filled.filter((i) => i !== best).map((i) => others[i] ?? null);
  if (tests.some((test) => test === null)) return { winner: null, why: 'no spread', against };
  return { winner: tests.every((test) => test!.p < significance) ? best : null, why: null, against };
}

/** Each column tested against the one that `to` names (null: none), all p-values adjusted together. */
function adjusted(samples: readonly Sample[], to: (index: number) => number | null): (Tested | null)[] {
  const tests = samples.map((sample, i) => {
    const other = to(i);
    return other === null ? null : testOf(samples[other]!, sample);
  });
  const made = tests.filter((test) => test !== null);
  const ps = holm(made.map(({ p }) => p));
  let next = 0;
  return tests.map((test) => test && { ...test, p: ps[next++]! });
}

/** By seed where all seeds of the smaller side are in the other one too; each seed is there once. */
function testOf(a: Sample, b: Sample): Tested | null {
  const placeInB = new Map(b.seeds.map((seed, i) => [seed, i]));
  const pairs = a.seeds.flatMap((seed, i) => {
    const place = seed === null ? undefined : placeInB.get(seed);
    return place === undefined ? [] : [[a.values[i]!, b.values[place]!] as const];
  });
  const paired = pairs.length >= 2 && pairs.length === Math.min(a.values.length, b.values.length);
  const test = paired
    ? pairedTest(
        pairs.map(([x]) => x),
        pairs.map(([, y]) => y),
      )
    : welchTest(a.values, b.values);
  return test && { ...test, how: paired ? 'paired by seed' : 'Welch' };
}
