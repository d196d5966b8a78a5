import { formatCompact, formatCount, formatDuration } from '../../src/core/numberFormat.ts';
import { meanInterval } from '../../src/core/statistics/meanInterval.ts';
import { mean } from '../../src/core/statistics/moments.ts';
import type { CompareRun } from '../../src/protocol/comparePage.ts';
import type { ComparedRun } from '../../src/protocol/comparison.ts';
import type { Column } from './columns.ts';
import { relative } from './numberText.ts';
import { type Cell, type Row, remembered } from './row.ts';

/** What a run took; null where it is not known. */
interface Cost {
  label: string;
  about: string;
  of: (run: CompareRun, fact: ComparedRun | undefined) => number | null;
  format: (value: number) => string;
}

/** None held is known: it took no hours. */
const hours = (count: number | null, fact: ComparedRun | undefined): number | null =>
  count !== null && fact?.elapsed ? (count * fact.elapsed) / 3600 : null;

const costs: readonly Cost[] = [
  {
    label: 'steps',
    about: 'Updates that were made',
    of: ({ step }) => step,
    format: formatCount,
  },
  {
    label: 'tokens',
    about: 'Tokens that were trained on',
    // Of an imported run nobody counted them.
    of: ({ tokens, step }) => (tokens === 0 && step > 0 ? null : tokens),
    format: formatCompact,
  },
  {
    label: 'FLOPs of training',
    about: 'Forward and backward pass: tokens × FLOPs a token',
    of: ({ tokens, flopsPerToken }) => (flopsPerToken === null ? null : tokens * flopsPerToken),
    format: (value) => (value === 0 ? '0' : value.toExponential(2).replace('e+', 'e')),
  },
  {
    label: 'tokens/s',
    about: 'Median over the updates',
    of: (_, fact) => fact?.tokensPerSecond ?? null,
    format: formatCompact,
  },
  {
    label: 'time of training',
    about: 'All segments together, without waiting',
    // A table without a clock says nothing of time.
    of: (_, fact) => fact?.elapsed || null,
    format: formatDuration,
  },
  {
    label: 'CPU-hours',
    about: 'Time of training × threads of the run file, else all cores of the node',
    of: (run, fact) => hours(fact?.threads ?? run.cores, fact),
    format: formatCompact,
  },
  {
    label: 'GPU-hours',
    about: 'Time of training × GPUs that the run has to itself',
    of: (run, fact) => hours(run.gpus, fact),
    format: formatCompact,
  },
];

/**
 * Speed and cost; of several seeds the mean of one run and the sum, of those of which it is known: how many others there
 * are is said. Rows that no run fills are left out.
 */
export function costRows(columns: readonly Column[], baseline: number | null): Row[] {
  return [stateRow(columns), ...costs.flatMap((cost) => costRow(cost, columns, baseline))];
}

function costRow(
  { label, about, of, format }: Cost,
  columns: readonly Column[],
  baseline: number | null,
): Row[] {
  const values = columns.map(({ runs, facts }) => runs.flatMap((run, i) => of(run, facts[i]) ?? []));
  if (values.every((each) => each.length === 0)) return [];
  const base = baseline === null || values[baseline]!.length === 0 ? null : mean(values[baseline]!);
  const texts = new Set(values.map((own) => (own.length === 0 ? '–' : format(mean(own)))));
  const summed = !label.endsWith('/s');
  return [
    {
      key: `cost ${label}`,
      section: 'Speed and cost',
      reason: '',
      label,
      about,
      lines: baseline !== null || columns.some(({ runs }) => runs.length > 1) ? 2 : 1,
      differs: texts.size > 1,
      distinct: texts.size,
      words: [],
      cell: remembered((i): Cell => {
        const own = values[i]!;
        if (own.length === 0) return { text: '–', value: null, full: () => 'not known' };
        const several = columns[i]!.runs.length > 1;
        const lost = columns[i]!.runs.length - own.length;
        const value = mean(own);
        const sum = own.reduce((a, b) => a + b, 0);
        const together = summed && own.length > 1 ? `${format(sum)} together` : '';
        const change = base === null || i === baseline ? '' : relative(base, value);
        const unknown = lost > 0 ? `${formatCount(lost)} of ${formatCount(own.length + lost)} not known` : '';
        const more = [change, together, unknown].filter((part) => part !== '').join(' · ');
        const interval = own.length > 1 ? meanInterval(own) : null;
        return {
          text: `${format(value)}${several ? ' a run' : ''}`,
          more,
          value,
          ...(interval ? { interval: { half: interval.half, n: interval.n } } : {}),
        };
      }),
    },
  ];
}

function stateRow(columns: readonly Column[]): Row {
  const texts = columns.map(({ runs }) => {
    const counts = new Map<string, number>();
    for (const { state } of runs) counts.set(state, (counts.get(state) ?? 0) + 1);
    return [...counts].map(([state, n]) => (runs.length > 1 ? `${n} ${state}` : state)).join(', ');
  });
  const values = new Set(texts);
  return {
    key: 'state',
    section: 'Speed and cost',
    reason: '',
    label: 'state',
    lines: 1,
    differs: values.size > 1,
    distinct: values.size,
    words: [...values],
    cell: remembered((i) => ({
      text: texts[i]!,
      value: null,
      ...(/failed|lost/.test(texts[i]!) ? { tone: 'bad' as const } : {}),
    })),
  };
}
