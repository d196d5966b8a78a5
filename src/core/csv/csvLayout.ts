/** Where a table of curves has what; numbers are columns. */
export interface CsvLayout {
  /** null: rows are counted. */
  step: number | null;
  wallTime: number | undefined;
  elapsed: number | undefined;
  tokens: number | undefined;
  segment: number | undefined;
  /** The run that a row belongs to. */
  run: number | undefined;
  /** Long form: one value a row, with the name of its metric beside it. */
  long: { metric: number | undefined; value: number } | undefined;
  /** Wide form: one column a metric; `run` where the header says whose it is. */
  metrics: { column: number; name: string; run: string | undefined }[];
  perRun: boolean;
}

/** Names as programs write them, in lower case without anything but letters and digits. */
const names = {
  step: [
    'step',
    'globalstep',
    'trainglobalstep',
    'trainerglobalstep',
    'steps',
    'trainstep',
    'iteration',
    'iter',
  ],
  wallTime: ['walltime', 'timestamp', 'time', 'createdat', 'datetime', 'date'],
  elapsed: ['elapsed', 'runtime', 'relativetimeprocess', 'relativetimewall', 'relativetime'],
  tokens: ['tokens'],
  segment: ['segment'],
  run: ['runname', 'run', 'runid', 'runuuid'],
  metric: ['metric', 'metricname', 'key', 'tag'],
  value: ['value'],
} as const;

/** W&B's own bookkeeping beside the metrics of a run. */
const bookkeeping = new Set(['_step', '_runtime', '_timestamp']);

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/**
 * Reads the header of a table as W&B, TensorBoard, MLflow and Trackio export it, or of our own export.
 * @param chosen the step's column as a person named it; null: rows are counted; undefined: nobody was asked
 * @returns `unclear` where a person has to say which column is the step
 */
export function csvLayout(header: readonly string[], chosen?: string | null): CsvLayout | 'unclear' {
  const plains = header.map(plain);
  const find = (kind: keyof typeof names): number | undefined => {
    for (const name of names[kind]) {
      const column = plains.indexOf(name);
      if (column >= 0) return column;
    }
    return undefined;
  };
  const step = stepColumn(header, plains, chosen);
  if (step === undefined) return 'unclear';
  const value = find('value');
  const layout: CsvLayout = {
    step,
    wallTime: find('wallTime'),
    elapsed: find('elapsed'),
    tokens: find('tokens'),
    segment: find('segment'),
    run: find('run'),
    long: undefined,
    metrics: [],
    perRun: false,
  };
  const { wallTime, elapsed, tokens, segment, run } = layout;
  const taken = new Set([step, wallTime, elapsed, tokens, segment, run]);
  const others = [...header.keys()].filter((column) => !taken.has(column) && isName(header[column]!));
  const metric = find('metric');
  if (value !== undefined && (metric !== undefined || others.length === 1)) layout.long = { metric, value };
  else {
    const perRun = columnsPerRun(header, others);
    layout.perRun = perRun !== undefined;
    layout.metrics = perRun ?? others.map((column) => ({ column, name: header[column]!, run: undefined }));
  }
  return layout;
}

function stepColumn(
  header: readonly string[],
  plains: readonly string[],
  chosen: string | null | undefined,
): number | null | undefined {
  if (chosen === null) return null;
  if (chosen !== undefined) {
    const column = header.indexOf(chosen);
    return column >= 0 ? column : undefined;
  }
  const known: readonly string[] = names.step;
  const found = [...plains.keys()].filter((column) => known.includes(plains[column]!));
  return found.length === 1 ? found[0] : undefined;
}

/** A column without a name is the index that pandas wrote. */
function isName(name: string): boolean {
  return name.trim() !== '' && !/^Unnamed: \d+$/.test(name);
}

/** W&B's charts: "<run> - <metric>", and the same with __MIN and __MAX, which are left out. */
function columnsPerRun(
  header: readonly string[],
  columns: readonly number[],
): CsvLayout['metrics'] | undefined {
  const all = new Set(header);
  const bases = columns.filter(
    (column) => all.has(`${header[column]}__MIN`) && all.has(`${header[column]}__MAX`),
  );
  if (bases.length === 0) return undefined;
  return bases.flatMap((column): CsvLayout['metrics'] => {
    const [, run, name] = /^(.+) - (.+?)$/s.exec(header[column]!) ?? [];
    if (run === undefined || name === undefined) return [{ column, name: header[column]!, run: undefined }];
    return bookkeeping.has(name) ? [] : [{ column, name, run }];
  });
}

const nonFinite = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
]);

/** The number in a cell; undefined where there is none. Between semicolons a comma is a decimal point. */
export function cellNumber(cell: string | undefined, separator: string): number | undefined {
  const text = cell?.trim() ?? '';
  if (text === '') return undefined;
  const plainly = Number(text);
  // Number() also reads 0x10, 0o7 and 0b1.
  if (Number.isFinite(plainly) && !/^.?0[xob]/i.test(text)) return plainly;
  const dotted =
    separator === ';' && /^[+-]?\d*,\d+(e[+-]?\d+)?$/i.test(text) ? text.replace(',', '.') : text;
  const known = nonFinite.get(text.toLowerCase());
  // Beyond the largest double: as infinite as any program would read it.
  const number = /^[+-]?\d/.test(dotted) && !/^.?0[xob]/i.test(dotted) ? Number(dotted) : Number.NaN;
  return known ?? (Number.isNaN(number) ? undefined : number);
}

/** Unix seconds of a cell that holds a date, or seconds, milli-, micro- or nanoseconds since 1970. */
export function cellTime(cell: string | undefined, separator: string): number | undefined {
  const number = cellNumber(cell, separator);
  if (number === undefined) {
    const ms = Date.parse(cell?.trim() ?? '');
    return Number.isNaN(ms) ? undefined : ms / 1000;
  }
  if (!Number.isFinite(number)) return undefined;
  const size = Math.abs(number);
  if (size >= 1e17) return number / 1e9;
  if (size >= 1e14) return number / 1e6;
  return size >= 1e11 ? number / 1e3 : number;
}
