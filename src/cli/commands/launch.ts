import fs from 'node:fs';
import { parse } from 'yaml';
import { BiphaseError } from '../../core/errors.ts';
import { newRunId } from '../../core/newRunId.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'launch',
  summary: 'start a run on a node',
  help: `
biphase launch FILE [--node NAME] [--check] [--json]

Starts the run that FILE (*.run.yaml) describes; it goes on without this terminal. Prints the run's id.

  --node NAME   where; default: this computer
  --check       only says what would run, whether it fits and how long it takes
  --json        JSON on stdout

Example: biphase launch examples/micro-clm.run.yaml --node gpu-box
`,
  run: async (args) => {
    const options = parseOptions(
      args,
      { node: { type: 'string' }, check: { type: 'boolean' }, json: { type: 'boolean' } },
      1,
    );
    const [place] = options.positionals;
    if (place === undefined) throw new BiphaseError('usage', 'Name the run file to launch.');
    const file = readRunFile(place);
    const node = options.values.get('node') ?? 'local';
    return withControl(async (client) => {
      if (options.flags.has('check')) {
        const check = await client.call('checkLaunch', { file, node });
        if (options.flags.has('json')) printJson(check);
        else
          process.stdout.write(`${[`${check.name}: ${check.steps} steps`, ...check.sentences].join('\n')}\n`);
        return check.fits === false ? 1 : 0;
      }
      const run = newRunId();
      const { already } = await client.call('launch', { file, node, run });
      if (options.flags.has('json')) printJson({ run, already });
      else process.stdout.write(`${run}\n`);
      return 0;
    });
  },
};

function readRunFile(place: string): unknown {
  let text: string;
  try {
    text = fs.readFileSync(place, 'utf8');
  } catch (cause) {
    throw new BiphaseError('usage', `${place} cannot be read.`, { cause });
  }
  try {
    return parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw new BiphaseError('usage', `${place} is no YAML: ${(cause as Error).message.split('\n')[0]}`, {
      cause,
    });
  }
}
