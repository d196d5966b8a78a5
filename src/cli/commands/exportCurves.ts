import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { type ExportFormat, exportFormats } from '../../protocol/outsideRuns.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { type ParsedOptions, parseOptions } from '../options.ts';
import { withTransferLine } from '../transferLine.ts';
import { command as exportModel } from './export.ts';

export const command: Command = {
  name: 'export',
  summary: 'the curves of runs as TensorBoard, CSV or JSON lines; or a model folder in another type',
  help: `
biphase export RUN… --format tensorboard|csv|jsonl --out DIR [--replace] [--json]

Writes every point of every metric of runs, each named by its id or by a name that only one run has. Prints what was
written. Ctrl+C ends it and leaves no half file.

  --format tensorboard   a folder of event files a run, for "tensorboard --logdir DIR"
  --format csv           DIR/<name>.csv: one row a step, one column a metric
  --format jsonl         DIR/<name>.jsonl: lines as in metrics.jsonl
  --out DIR              a folder; it is made where it is missing
  --replace              what an earlier export wrote there is replaced
  --json                 JSON on stdout

  biphase export 20260101-k3v9x2aa --format tensorboard --out logs

${exportModel.help.trim()}
`,
  run: async (args) => {
    if (!args.some((one) => one === '--format' || one.startsWith('--format='))) return exportModel.run(args);
    const [string, boolean] = [{ type: 'string' }, { type: 'boolean' }] as const;
    const table = { format: string, out: string, replace: boolean, json: boolean };
    const options = parseOptions(args, table, 100_000);
    const format = formatOf(options);
    const out = options.values.get('out');
    if (out === undefined) throw new BiphaseError('usage', 'Say where to: --out DIR.');
    if (options.positionals.length === 0)
      throw new BiphaseError('usage', 'Name the runs to export; "biphase runs" lists them.');
    return withControl(async (client) => {
      const { runs: known } = await client.call('runs', {});
      const runs = options.positionals.map((wanted) => runNamed(known, wanted));
      const transfer = randomUUID();
      const request = {
        transfer,
        runs,
        format,
        folder: path.resolve(out),
        replace: options.flags.has('replace'),
      };
      const result = await withTransferLine(client, transfer, () => client.call('exportRuns', request));
      if (options.flags.has('json')) printJson(result);
      else for (const place of result.places) process.stdout.write(`${place}\n`);
      return 0;
    });
  },
};

function formatOf({ values }: ParsedOptions): ExportFormat {
  const wanted = values.get('format');
  const format = exportFormats.find((one) => one === wanted);
  if (!format)
    throw new BiphaseError('usage', `Option --format is ${exportFormats.join(', ')}, not "${wanted ?? ''}".`);
  return format;
}

/** Id of the run with that id, or the only one with that name. */
function runNamed(runs: readonly RunSummary[], wanted: string): string {
  const byId = runs.find(({ run }) => run === wanted);
  if (byId) return byId.run;
  const named = runs.filter(({ name }) => name === wanted);
  if (named.length > 1)
    throw new BiphaseError('usage', `${named.length} runs are named ${wanted}.`, {
      next: `Name it by its id: ${named.map(({ run }) => run).join(', ')}.`,
    });
  if (!named[0]) throw new BiphaseError('missing', `There is no run ${wanted}.`);
  return named[0].run;
}
