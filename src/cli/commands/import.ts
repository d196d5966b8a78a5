import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { ImportResult } from '../../protocol/outsideRuns.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';
import { withTransferLine } from '../transferLine.ts';

export const command: Command = {
  name: 'import',
  summary: 'curves of other programs: TensorBoard folders, CSV tables, metrics.jsonl',
  help: `
biphase import PATH… [--step COLUMN | --count-rows] [--json]

Brings curves in as runs of kind "imported": of each folder with TensorBoard event files, of each table (.csv, .tsv) as
W&B, TensorBoard, MLflow and Trackio export it, and of each metrics.jsonl. A folder is looked through with all folders in
it. What was imported from the same place before is replaced. Prints each run's id and name.

  --step COLUMN   the column that holds the step, in tables that are named themselves
  --count-rows    the step is the number of the row
  --json          JSON on stdout

  biphase import ~/logs results.csv
`,
  run: async (args) => {
    const boolean = { type: 'boolean' } as const;
    const table = { step: { type: 'string' }, 'count-rows': boolean, json: boolean } as const;
    const options = parseOptions(args, table, 10_000);
    const paths = options.positionals.map((one) => path.resolve(one));
    if (paths.length === 0) throw new BiphaseError('usage', 'Name the files or folders to import.');
    const step = options.flags.has('count-rows') ? null : options.values.get('step');
    if (step === null && options.values.has('step'))
      throw new BiphaseError('usage', 'Use either --step or --count-rows.');
    const steps = step === undefined ? {} : Object.fromEntries(paths.map((one) => [realPath(one), step]));
    return withControl(async (client) => {
      const transfer = randomUUID();
      const result = await withTransferLine(client, transfer, () =>
        client.call('importRuns', { transfer, paths, steps }),
      );
      if (options.flags.has('json')) printJson(result);
      else print(result);
      return result.imported.length > 0 && result.unclear.length === 0 ? 0 : 1;
    });
  },
};

function print({ imported, unclear, notes }: ImportResult): void {
  for (const { run, name, points, updated } of imported)
    process.stdout.write(`${printable(`${run}  ${name}  ${points} points${updated ? ', updated' : ''}`)}\n`);
  for (const note of notes) process.stderr.write(`${printable(note)}\n`);
  for (const { path: place, columns } of unclear)
    process.stderr.write(
      `${printable(`${place}: it is not clear which column is the step. Say --step COLUMN or --count-rows. Its columns: ${columns.slice(0, 50).join(', ')}.`)}\n`,
    );
}

function realPath(place: string): string {
  try {
    return fs.realpathSync(place);
  } catch {
    return place;
  }
}
