import { BiphaseError } from '../../core/errors.ts';
import { newRunId } from '../../core/newRunId.ts';
import {
  formatBytes,
  formatBytesAlike,
  formatCompact,
  formatCount,
  formatDuration,
} from '../../core/numberFormat.ts';
import { printable } from '../../core/printable.ts';
import type { LaunchCheck } from '../../protocol/controlApi.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';
import { readRunFile } from '../readRunFile.ts';
import { withTransferLine } from '../transferLine.ts';

export const command: Command = {
  name: 'launch',
  summary: 'start a run on a node',
  help: `
biphase launch FILE [--node NAME] [--check] [--json]

Starts the run that FILE (*.run.yaml) describes; it goes on without this terminal. Prints the run's id. Data that FILE names
as local:PATH are copied to the node first, once; Ctrl+C ends that, and the next launch goes on with it.

  --node NAME   where; default: this computer
  --check       only says what would run, whether it fits and how long it takes
  --json        JSON on stdout

Example: biphase launch examples/clm.run.yaml --node gpu-box
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
        else process.stdout.write(`${checkText(check)}\n`);
        return check.fits === false ? 1 : 0;
      }
      const run = newRunId();
      const launch = () => client.call('launch', { file, node, run });
      const { already } = await withTransferLine(client, run, launch);
      if (options.flags.has('json')) printJson({ run, already });
      else process.stdout.write(`${run}\n`);
      return 0;
    });
  },
};

/** What the check page says, as lines. */
function checkText(check: LaunchCheck): string {
  const against = (planned: number, free: number | null): string => {
    if (free === null) return `${formatBytes(planned)} planned, free space not known`;
    const [needed, there] = formatBytesAlike([planned, free]);
    return `${needed} planned, ${there} free`;
  };
  const fit = { true: 'It fits.', false: 'It does not fit.', null: 'Whether it fits is not known yet.' };
  const expected = check.secondsExpected;
  return [
    `${check.name} on ${check.node}`,
    `${formatCount(check.steps)} steps · ${formatCompact(check.tokens)} tokens · ${formatCompact(check.parameters)} parameters`,
    fit[`${check.fits}`],
    `Memory: ${against(check.plannedBytes, check.memoryFreeBytes)}`,
    `Disk for checkpoints: ${against(check.checkpointBytes, check.diskFreeBytes)}`,
    `Time: ${expected === null ? 'unknown until it has run' : `about ${formatDuration(expected)}`}`,
    ...check.sentences,
  ]
    .map(printable)
    .join('\n');
}
