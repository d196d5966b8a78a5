import { metricNames } from '../protocol/runDirectory.ts';

const lower = /(^|[/_. -])(loss|perplexity|ppl|error|err|nll|mse|mae|rmse)($|[/_. -])/i;
const higher =
  /(^|[/_. -])(acc|accuracy|f1|auc|score|ndcg|mrr|map|recall|precision|pearson|spearman|mcc|bleu)($|[/_.@ -])/i;

/** Which way a metric is better, by its name; null where that cannot be told: then nothing is best. */
export function metricDirection(metric: string): 'lower' | 'higher' | null {
  if (lower.test(metric)) return 'lower';
  return higher.test(metric) || metric === metricNames.shareOfPeak ? 'higher' : null;
}
