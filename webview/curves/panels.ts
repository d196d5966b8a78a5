import { formatCompact, formatValue } from '../../src/core/numberFormat.ts';
import { printable } from '../../src/core/printable.ts';
import { metricNames } from '../../src/protocol/runDirectory.ts';

const validationPrefix = metricNames.validationLoss('');

/** One chart: which metrics it draws and how it names them. */
export interface Panel {
  /** The metric that is drawn as lines; also the panel's key. */
  metric: string;
  title: string;
  unit: string;
  /** Drawn as marks with a line in the run's colour, beside the main metric. */
  marks: readonly string[];
  size: 'big' | 'small';
  /** Whether the logarithmic y axis applies. */
  logarithmic: boolean;
  /** `digits`: more of them than are written as a rule. */
  format: (value: number, digits?: number) => string;
}

interface Known {
  title: string;
  unit: string;
  logarithmic: boolean;
  format?: Panel['format'];
}
const known: Record<string, Known> = {
  [metricNames.loss]: { title: 'Loss', unit: 'nats', logarithmic: true },
  [metricNames.learningRate]: { title: 'Learning rate', unit: '', logarithmic: false },
  [metricNames.gradNorm]: { title: 'Gradient norm', unit: '', logarithmic: true },
  [metricNames.tokensPerSecond]: {
    title: 'Speed',
    unit: 'tokens/s',
    logarithmic: false,
    format: formatCompact,
  },
  [metricNames.objectiveLoss('clm')]: { title: 'CLM loss', unit: 'nats', logarithmic: true },
  [metricNames.objectiveLoss('mlm')]: { title: 'MLM loss', unit: 'nats', logarithmic: true },
  [metricNames.shareOfPeak]: { title: 'Share of peak', unit: '', logarithmic: false },
  [metricNames.memory]: { title: 'Memory', unit: 'bytes', logarithmic: false, format: formatCompact },
  [metricNames.dataStalls]: { title: 'Samples waited for', unit: 'samples', logarithmic: false },
};

/** What a newly opened page shows. */
export const defaultMetrics: readonly string[] = [
  metricNames.loss,
  metricNames.learningRate,
  metricNames.gradNorm,
  metricNames.tokensPerSecond,
];

/** What a newly opened page shows of runs with these metrics: outside runs have names of their own, losses before others. */
export function firstMetrics(available: ReadonlySet<string>): readonly string[] {
  if (available.size === 0 || defaultMetrics.some((metric) => available.has(metric))) return defaultMetrics;
  const isLoss = (metric: string): number => (/loss/i.test(metric) ? 0 : 1);
  return [...available]
    .sort((a, b) => isLoss(a) - isLoss(b) || (a < b ? -1 : 1))
    .slice(0, defaultMetrics.length);
}

/** Metrics in the order of their panels; each can have one of its own, validation losses too. */
export function panelMetrics(metrics: Iterable<string>): string[] {
  const found = new Set(metrics);
  const order = [...defaultMetrics, metricNames.memory, metricNames.dataStalls];
  return [...found].sort((a, b) => rank(order, a) - rank(order, b) || (a < b ? -1 : 1));
}

function rank(order: readonly string[], metric: string): number {
  const at = order.indexOf(metric);
  return at === -1 ? order.length : at;
}

/**
 * The panels for these metrics, in their order, that of `big` first and alone big; null: all are small. `available` is
 * every metric that some shown run has.
 */
export function panelsFor(
  metrics: readonly string[],
  available: Iterable<string>,
  big: string | null = panelMetrics(metrics)[0] ?? null,
): Panel[] {
  const marks = [...new Set(available)].filter(isValidation).sort();
  const others = panelMetrics(metrics).filter((metric) => metric !== big);
  return [...(big === null ? [] : [big]), ...others].map((metric) => {
    const about = known[metric] ?? validationPanel(metric);
    return {
      metric,
      title: titleOf(metric),
      unit: about?.unit ?? '',
      marks: metric === metricNames.loss ? marks : [],
      size: metric === big ? 'big' : 'small',
      logarithmic: about?.logarithmic ?? true,
      format: about?.format ?? formatValue,
    };
  });
}

/** Those metrics that have all words of the filter in their name or title, whatever their case. */
export function filteredMetrics(metrics: readonly string[], filter: string): string[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return metrics.filter((metric) => {
    const name = `${metric} ${titleOf(metric)}`.toLowerCase();
    return words.every((word) => name.includes(word));
  });
}

/** What a metric is called in headings and lists. */
export function titleOf(metric: string): string {
  return printable((known[metric] ?? validationPanel(metric))?.title ?? metric);
}

/** A validation loss as a panel of its own, to compare runs of whatever objective. */
function validationPanel(metric: string): Known | undefined {
  if (!isValidation(metric)) return undefined;
  return { title: `Validation loss, ${measureOf(metric)}`, unit: 'nats', logarithmic: true };
}

function measureOf(metric: string): string {
  return metric.slice(validationPrefix.length);
}

/**
 * Whether a validation loss is drawn beside this run's training loss: of objectives that it trains. Every run is
 * validated for the others too, on a scale that would press its own curve flat.
 */
export function isOwnMark(metric: string, phases: readonly { objective: string }[]): boolean {
  return phases.length === 0 || phases.some((phase) => trains(phase.objective, metric));
}

function trains(objective: string, metric: string): boolean {
  return objective === 'mixed' || objective === (isClmMark(metric) ? 'clm' : 'mlm');
}

/** Marks of CLM are hollow, so that both objectives of one run are told apart. */
export function isClmMark(metric: string): boolean {
  return measureOf(metric) === 'clm';
}

/** Validation has fewer points than training: a value may be of another step than asked for. */
export function isValidation(metric: string): boolean {
  return metric.startsWith(validationPrefix);
}

/** What a mark's metric is called beside its run's name: "MLM validation", "MLM validation (mlm20)". */
export function markLabel(metric: string): string {
  const measure = printable(isValidation(metric) ? measureOf(metric) : metric);
  if (!isValidation(metric)) return measure;
  if (measure === 'clm' || measure === 'mlm') return `${measure.toUpperCase()} validation`;
  return `MLM validation (${measure})`;
}

/** Whether a validation at a step was made in a phase that trains its objective. The step at which a phase ends is its own. */
export function isOfPhase(
  metric: string,
  phases: readonly { objective: string; until: number }[],
  step: number,
): boolean {
  const phase = phases.find(({ until }) => step <= until) ?? phases.at(-1);
  return phase === undefined || trains(phase.objective, metric);
}

/**
 * Whether two validations of a metric are joined by a line: both were made in one phase that trains its objective.
 * Between others the loss may have gone anywhere. The step at which a phase ends is still its own.
 */
export function isJoined(
  metric: string,
  phases: readonly { objective: string; until: number }[],
  step: number,
  nextStep: number,
): boolean {
  if (phases.length === 0) return true;
  const phase = phases.findIndex(({ until }) => step <= until);
  return (
    phase !== -1 &&
    phase === phases.findIndex(({ until }) => nextStep <= until) &&
    trains(phases[phase]!.objective, metric)
  );
}

/** The metrics whose points a panel needs. */
export function metricsOf(panel: Panel): string[] {
  return [panel.metric, ...panel.marks];
}
