import { metricDirection } from '../../src/core/metricDirection.ts';
import { formatCount, formatValue } from '../../src/core/numberFormat.ts';
import { printable } from '../../src/core/printable.ts';
import { bootstrapInterval } from '../../src/core/statistics/bootstrap.ts';
import { meanInterval } from '../../src/core/statistics/meanInterval.ts';
import { differenceInterval } from '../../src/core/statistics/tTests.ts';
import type { ComparedMetric } from '../../src/protocol/comparison.ts';
import { metricNames } from '../../src/protocol/runDirectory.ts';
import type { Column } from './columns.ts';
import { metricTitle } from './metricTitle.ts';
import { pText, signed, within } from './numberText.ts';
import { type Cell, type Row, remembered } from './row.ts';
import { judge, type Sample, significance, type Tested, type Verdict } from './verdict.ts';

/** What says how a run went, not where it came to; speed has a row of its own. */
const left: readonly string[] = [metricNames.learningRate, metricNames.tokensPerSecond];
const fewSeeds = 5;

type End = 'last' | 'best';

/** Rows of final and best values, validation first, and what they allow to say. */
export function metricRows(
  columns: readonly Column[],
  baseline: number | null,
): { rows: Row[]; notes: string[] } {
  const names = new Set<string>();
  const found = columns.map(({ facts }) =>
    facts.map((fact) => {
      const byName = new Map(fact?.metrics.map((metric) => [metric.name, metric]));
      for (const name of byName.keys()) if (!left.includes(name)) names.add(name);
      return byName;
    }),
  );
  const why = new Set<Verdict['why']>();
  const objectives = new Set(columns.flatMap(({ runs }) => runs[0]!.phases.at(-1)?.objective ?? []));
  let unlike = false;
  const rows = [...names].sort(byWeight).flatMap((name) => {
    const known = metricDirection(name);
    const ends: End[] = known === null ? ['last'] : ['last', 'best'];
    // A loss over other tokens, seen with another context: which is lower says nothing of which run is better.
    const across = name === metricNames.loss && objectives.size > 1;
    unlike ||= across;
    const direction = across ? null : known;
    const metrics = found.map((runs) => runs.map((byName) => byName.get(name)));
    return ends.map((end) => {
      const samples = columns.map((column, i) => sampleOf(column, metrics[i]!, end));
      const verdict = judge(samples, direction, baseline);
      why.add(verdict.why);
      return metricRow(name, end, direction, columns, metrics, samples, verdict, baseline);
    });
  });
  return { rows, notes: rows.length > 0 ? notesOf(columns, why, unlike) : [] };
}

function byWeight(a: string, b: string): number {
  const rank = (name: string) => (name.startsWith('validation/') ? 0 : name.includes('loss') ? 1 : 2);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

function endOf(metric: ComparedMetric | undefined, end: End): { step: number; value: number } | null {
  const at = metric?.[end];
  return at ? { step: at.step, value: Number(at.value) } : null;
}

function sampleOf(column: Column, metrics: readonly (ComparedMetric | undefined)[], end: End): Sample {
  const values: number[] = [];
  const seeds: (number | null)[] = [];
  for (const [i, metric] of metrics.entries()) {
    const value = endOf(metric, end)?.value;
    if (value === undefined || !Number.isFinite(value)) continue;
    values.push(value);
    seeds.push(column.runs[i]!.seed);
  }
  return { values, seeds };
}

function metricRow(
  name: string,
  end: End,
  direction: 'lower' | 'higher' | null,
  columns: readonly Column[],
  metrics: readonly (readonly (ComparedMetric | undefined)[])[],
  samples: readonly Sample[],
  verdict: Verdict,
  baseline: number | null,
): Row {
  const best = direction === 'higher' ? 'highest' : 'lowest';
  const base = baseline === null ? null : meanOf(samples[baseline]!);
  return {
    key: `metric ${name} ${end}`,
    section: 'Metrics',
    reason: '',
    label: `${metricTitle(name)}, ${end === 'last' ? 'final' : best}`,
    about: `${printable(name)}${name.includes('loss') ? ', nats' : ''}: ${end === 'last' ? 'the last value that was logged' : `the ${best} value that was logged`}`,
    // A difference with its interval and p is longer than a column is wide.
    lines: verdict.against.some((tested) => tested !== null) ? 3 : 2,
    differs: true,
    distinct: columns.length,
    words: [name],
    cell: remembered((i): Cell => {
      const said = metrics[i]!.flatMap((metric) => endOf(metric, end) ?? []);
      if (said.length === 0) return emptyCell(metrics[i]!);
      const { values } = samples[i]!;
      const interval = meanInterval(values);
      if (!interval)
        return { text: formatValue(said[0]!.value), more: placeText(said), value: null, tone: 'bad' };
      const tested = verdict.against[i] ?? null;
      const lost = columns[i]!.runs.length - values.length;
      const several = columns[i]!.runs.length > 1;
      const format = interval.half ? within(interval.half) : formatValue;
      const half = interval.half === null ? '' : ` ± ${format(interval.half)}`;
      const count = several ? ` (n = ${interval.n}${lost > 0 ? ` of ${columns[i]!.runs.length}` : ''})` : '';
      const won = verdict.winner === i;
      const text = `${format(interval.mean)}${half}${count}`;
      const apart = base === null || i === baseline ? null : interval.mean - base;
      return {
        text,
        more: apart === null ? placeText(said) : differenceText(apart, tested),
        value: interval.mean,
        interval: { half: interval.half, n: interval.n },
        ...(won ? { tone: 'best' as const } : toneOf(apart, tested, direction)),
        full: () => fullText(text, columns[i]!, said, samples[i]!, apart, tested, won),
      };
    }),
  };
}

function meanOf(sample: Sample): number | null {
  return meanInterval(sample.values)?.mean ?? null;
}

/** What stands where no value is. */
function emptyCell(metrics: readonly (ComparedMetric | undefined)[]): Cell {
  const points = metrics.reduce((sum, metric) => sum + (metric?.points ?? 0), 0);
  if (points === 0) return { text: '–', value: null, full: () => 'no points' };
  return { text: 'none', more: `all ${formatCount(points)} NaN or infinite`, value: null, tone: 'bad' };
}

/** "at step 1,200", or the steps of several runs. */
function placeText(said: readonly { step: number }[]): string {
  const steps = said.map(({ step }) => step);
  const low = Math.min(...steps);
  const high = Math.max(...steps);
  return low === high
    ? `at step ${formatCount(low)}`
    : `at steps ${formatCount(low)} to ${formatCount(high)}`;
}

/** "−0.031", and where it can be told "[−0.052, −0.010], p = 0.012". */
function differenceText(apart: number, tested: Tested | null): string {
  if (!tested) return signed(apart);
  const { low, high } = differenceInterval(tested);
  const format = within(high - low);
  return `${signed(tested.difference, format)} [${format(low)}, ${format(high)}], ${pText(tested.p)}`;
}

function toneOf(
  apart: number | null,
  tested: Tested | null,
  direction: 'lower' | 'higher' | null,
): { tone?: 'better' | 'worse' } {
  if (apart === null || !tested || direction === null || tested.p >= significance) return {};
  return { tone: apart < 0 === (direction === 'lower') ? 'better' : 'worse' };
}

function fullText(
  text: string,
  { runs }: Column,
  said: readonly { step: number }[],
  { values, seeds }: Sample,
  apart: number | null,
  tested: Tested | null,
  won: boolean,
): string {
  const parts = [`${text}, ${placeText(said)}`];
  if (won) parts.push(`better than every other column (p < ${significance}, Holm)`);
  if (apart !== null)
    parts.push(
      `difference to the baseline ${differenceText(apart, tested)}${tested ? ` (${tested.how}, Holm)` : runs.length === 1 ? '; one seed: may be chance' : ''}`,
    );
  if (values.length > 1)
    parts.push(`by seed ${values.map((value, i) => `${seeds[i] ?? '?'}: ${formatValue(value)}`).join(', ')}`);
  if (values.length >= fewSeeds) {
    const { low, high } = bootstrapInterval(values, 0)!;
    parts.push(`bootstrap 95 % [${formatValue(low)}, ${formatValue(high)}]`);
  }
  return parts.join(' · ');
}

/** What the intervals allow to say. */
function notesOf(columns: readonly Column[], why: ReadonlySet<Verdict['why']>, unlike: boolean): string[] {
  if (columns.length < 2) return [];
  const single = columns.filter(({ runs }) => runs.length === 1).length;
  const few = columns.filter(({ runs }) => runs.length > 1 && runs.length < fewSeeds).length;
  const of = `${formatCount(single)} of ${formatCount(columns.length)} columns`;
  const notes: string[] = [];
  if (why.has('one seed'))
    notes.push(
      single === columns.length
        ? 'No winner is marked: each column is one seed, and a difference between single runs may be chance. Train more seeds of a setup to tell.'
        : `No winner is marked where a column is one seed (${of}): its difference may be chance.`,
    );
  if (why.has('no spread'))
    notes.push(
      'Two columns are not told apart where their seeds have the same values to the last digit: nothing tells how much is chance.',
    );
  if (unlike)
    notes.push(
      'Training losses of different objectives are not judged: compare a validation loss, which is measured alike in all runs.',
    );
  if (few > 0)
    notes.push(
      `${few === 1 ? '1 column has' : `${formatCount(few)} columns have`} fewer than five seeds: the intervals rest on few values.`,
    );
  return notes;
}
