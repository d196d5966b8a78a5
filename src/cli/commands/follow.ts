import type { ControlClient } from '../../control/client/controlClient.ts';
import { BiphaseError } from '../../core/errors.ts';
import { formatValue } from '../../core/numberFormat.ts';
import { isActive } from '../../core/runState.ts';
import { decodeSeries, type SeriesColumns } from '../../core/seriesBytes.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'follow',
  summary: "print a run's values as they come",
  help: `
biphase follow RUN [--metric NAME] [--json]

Prints one line a point until the run has ended; the exit code is 0 when it finished or was stopped.

  --metric NAME   default: loss
  --json          one JSON object a line
`,
  run: async (args) => {
    const options = parseOptions(args, { metric: { type: 'string' }, json: { type: 'boolean' } }, 1);
    const [run] = options.positionals;
    if (run === undefined) throw new BiphaseError('usage', 'Name the run to follow.');
    const metric = options.values.get('metric') ?? 'loss';
    const print = (step: number, value: number): void => {
      // JSON has no NaN: such values are text, as in metrics.jsonl.
      if (options.flags.has('json'))
        printJson({ step, [metric]: Number.isFinite(value) ? value : String(value) });
      else process.stdout.write(`${step}\t${formatValue(value)}\n`);
    };
    return withControl((client) => follow(client, run, metric, print));
  },
};

async function follow(
  client: ControlClient,
  run: string,
  metric: string,
  print: (step: number, value: number) => void,
): Promise<number> {
  const { runs } = await client.call('runs', {});
  let summary = runs.find((candidate) => candidate.run === run);
  if (!summary) throw new BiphaseError('missing', `There is no run ${run}.`);
  let newest = 0;
  let shown = -1;
  const printUpTo = (columns: SeriesColumns, n: number): void => {
    for (let i = 0; i < n; i++) {
      if (columns.step[i]! <= shown) continue;
      shown = columns.step[i]!;
      print(shown, columns.y[i]!);
    }
  };
  const show = async (): Promise<void> => {
    const request = { run, metric, x: 'step' as const, from: null, to: null, pixels: 16384, smoothing: null };
    const { value, binary } = await client.callWithBytes('series', request);
    if (value.version <= newest) return;
    newest = value.version;
    printUpTo(decodeSeries(ownBuffer(binary), value.points), value.points);
  };
  const ended = new Promise<RunSummary>((resolve) => {
    const look = (candidate: RunSummary): void => {
      summary = candidate;
      if (!isActive(candidate.state)) resolve(candidate);
    };
    client.on('runs', (change) => {
      for (const candidate of change.runs) if (candidate.run === run) look(candidate);
    });
    look(summary!);
  });
  client.on('points', (data, binary) => {
    if (data.version <= newest) return;
    if (data.reset || data.follows !== newest) {
      void show();
      return;
    }
    newest = data.version;
    printUpTo(decodeSeries(ownBuffer(binary), data.points), data.points);
  });
  await client.call('subscribe', { series: [{ run, metric }] });
  await show();
  const last = await Promise.race([
    ended,
    client.closed.then(() => {
      throw new BiphaseError('unreachable', 'Control has ended.', { next: 'Follow the run again.' });
    }),
  ]);
  await show();
  process.stderr.write(`${last.state}${last.reason ? `: ${last.reason}` : ''}\n`);
  return last.state === 'finished' || last.state === 'stopped' ? 0 : 1;
}

function ownBuffer(binary: Uint8Array | undefined): ArrayBuffer {
  return Uint8Array.from(binary ?? []).buffer;
}
