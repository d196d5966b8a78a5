import fs from 'node:fs';
import path from 'node:path';
import type { ControlClient } from '../../src/control/client/controlClient.ts';
import { decodeSeries } from '../../src/core/seriesBytes.ts';
import { until } from './until.ts';

/** [segment, step, value] of each point that a chart shows. */
export type Shown = [segment: number, step: number, value: number][];

/** A metric as control shows it, all points of it. */
export async function shown(
  client: Pick<ControlClient, 'callWithBytes'>,
  run: string,
  metric: string,
): Promise<Shown> {
  const request = { run, metric, x: 'step' as const, from: null, to: null, pixels: 16_384, smoothing: null };
  const { value, binary } = await client.callWithBytes('series', request);
  const { segment, step, y } = decodeSeries(Uint8Array.from(binary ?? []).buffer, value.points);
  return Array.from(step, (at, i) => [segment[i]!, at, y[i]!]);
}

export interface CurveLine {
  segment: number;
  step: number;
  metrics: Record<string, number | string>;
}

/** Waits until control has so many points of the metric. */
export async function untilStored(
  client: ControlClient,
  run: string,
  metric: string,
  points: number,
): Promise<void> {
  await until(`storing ${points} points`, async () => {
    const { runs } = await client.call('runs', {});
    return runs.some((one) => one.run === run) && (await shown(client, run, metric)).length === points;
  });
}

/** Writes a run directory without a node's help: a metrics.jsonl of these lines, and a spec.json with the name. */
export function writeCurves(folder: string, name: string, lines: readonly CurveLine[]): void {
  fs.mkdirSync(folder, { recursive: true });
  const spec = {
    schema: 1,
    id: '20260101-aaaaaaaa',
    name,
    kind: 'pretrain',
    createdAt: 1,
    bundle: '',
    file: {},
  };
  fs.writeFileSync(path.join(folder, 'spec.json'), JSON.stringify(spec));
  fs.writeFileSync(path.join(folder, 'metrics.jsonl'), '');
  addCurves(folder, lines);
}

/** Adds lines to a run's metrics.jsonl, as its trainer does. */
export function addCurves(folder: string, lines: readonly CurveLine[]): void {
  const text = lines.map(({ segment, step, metrics }) => {
    const line = {
      segment,
      step,
      tokens: 100 * step,
      time: 1.7e9 + segment * 1000 + step,
      elapsed: step / 4,
      metrics,
    };
    return `${JSON.stringify(line)}\n`;
  });
  fs.appendFileSync(path.join(folder, 'metrics.jsonl'), text.join(''));
}
