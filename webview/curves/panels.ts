import { formatCompact, formatValue } from '../../src/core/numberFormat.ts';
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
  format: (value: number) => string;
}

interface Known {
  title: string;
  unit: string;
  logarithmic: boolean;
  format?: (value: number) => string;
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

/** Metrics that can have a panel of their own: validation losses are drawn within the loss panel. */
export function panelMetrics(metrics: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const metric of metrics) found.add(metric.startsWith(validationPrefix) ? metricNames.loss : metric);
  const order = [...defaultMetrics, metricNames.memory, metricNames.dataStalls];
  return [...found].sort((a, b) => rank(order, a) - rank(order, b) || (a < b ? -1 : 1));
}

function rank(order: readonly string[], metric: string): number {
  const at = order.indexOf(metric);
  return at === -1 ? order.length : at;
}

/**
 * The panels for the chosen metrics, in their order; `available` is every metric that some shown run has.
 * The first panel is big, the others small.
 */
export function panelsFor(chosen: readonly string[], available: Iterable<string>): Panel[] {
  const marks = [...new Set(available)].filter((m) => m.startsWith(validationPrefix)).sort();
  return panelMetrics(chosen).map((metric, index) => {
    const about = known[metric];
    return {
      metric,
      title: about?.title ?? metric,
      unit: about?.unit ?? '',
      marks: metric === metricNames.loss ? marks : [],
      size: index === 0 ? 'big' : 'small',
      logarithmic: about?.logarithmic ?? true,
      format: about?.format ?? formatValue,
    };
  });
}

/** What a mark's metric is called beside its run's name: "validation mlm". */
export function markLabel(metric: string): string {
  return metric.startsWith(validationPrefix) ? `validation ${metric.slice(validationPrefix.length)}` : metric;
}

/** The metrics whose points a panel needs. */
export function metricsOf(panel: Panel): string[] {
  return [panel.metric, ...panel.marks];
}
