import { formatShare } from '../../core/numberFormat.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { runDifferences } from '../../core/runDifferences.ts';
import { decodeSeries } from '../../core/seriesBytes.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { metricNames } from '../../protocol/runDirectory.ts';
import type { ControlService } from '../control/controlService.ts';
import { clockText, runTooltip } from '../views/runText.ts';

type Asked = Pick<ControlService, 'call' | 'callWithBytes' | 'nodes'>;

const mostDifferences = 8;

/** What a summary says of a run, and what control is asked for at this moment; what it cannot tell is left out. */
export async function fullRunTooltip(
  service: Asked,
  run: RunSummary,
  neighbour: RunSummary | undefined,
): Promise<string[]> {
  const [share, event, differences] = await Promise.all([
    lastValue(service, run, metricNames.shareOfPeak),
    lastEvent(service, run).catch(() => undefined),
    neighbour ? differencesTo(service, neighbour, run).catch(() => undefined) : undefined,
  ]);
  const host = service.nodes.find(({ config }) => config.name === run.node)?.config.host;
  return [
    ...runTooltip(run),
    ...(host === undefined ? [] : [`Host: ${host}`]),
    ...(share === undefined ? [] : [`Share of peak: ${formatShare(share)}`]),
    ...(event === undefined ? [] : [`Last event: ${event}`]),
    ...(neighbour && differences ? differenceLines(neighbour.name, differences) : []),
  ];
}

/** With the validation losses that were measured at its step. */
export async function checkpointTooltip(service: Asked, run: RunSummary, step: number): Promise<string[]> {
  const prefix = metricNames.validationLoss('');
  const losses = await Promise.all(
    run.metrics
      .filter((metric) => metric.startsWith(prefix))
      .map(async (metric) => {
        const value = await lastValue(service, run, metric, step);
        return value === undefined
          ? []
          : [`Validation loss, ${metric.slice(prefix.length)}: ${value.toFixed(3)} nats`];
      }),
  );
  return [
    `${run.name}, checkpoint of step ${step}`,
    ...losses.flat(),
    `Name it in a run file as ${run.run}@${step}`,
  ];
}

/** The metric's newest finite value, or that of one step; undefined where there is none. */
async function lastValue(
  service: Asked,
  run: RunSummary,
  metric: string,
  step: number | null = null,
): Promise<number | undefined> {
  if (!run.metrics.includes(metric)) return undefined;
  try {
    const { value, binary } = await service.callWithBytes('series', {
      run: run.run,
      metric,
      x: 'step',
      from: step,
      to: step,
      pixels: 1,
      smoothing: null,
    });
    const bytes = (binary ?? new Uint8Array()).slice().buffer as ArrayBuffer;
    const last = decodeSeries(bytes, value.points).y.at(-1);
    return last !== undefined && Number.isFinite(last) ? last : undefined;
  } catch {
    return undefined;
  }
}

async function lastEvent(service: Asked, run: RunSummary): Promise<string | undefined> {
  const { events } = await service.call('runEvents', { run: run.run });
  const last = events.at(-1);
  if (!last) return undefined;
  const message = last.message === undefined ? '' : `: ${last.message}`;
  return `${last.type} at step ${last.step}${message}, ${clockText(last.time)}`;
}

async function differencesTo(service: Asked, before: RunSummary, now: RunSummary): Promise<string[]> {
  const [old, fresh] = await Promise.all(
    [before, now].map(async ({ run }) => {
      const { file } = await service.call('runFile', { run });
      return resolveRunFile(parseRunFile(file));
    }),
  );
  return old && fresh ? runDifferences(old, fresh) : [];
}

function differenceLines(neighbour: string, differences: readonly string[]): string[] {
  if (differences.length === 0) return [`Same experiment as ${neighbour} before it`];
  const more = differences.length - mostDifferences;
  return [
    `Differs from ${neighbour} before it:`,
    ...differences.slice(0, mostDifferences),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}
