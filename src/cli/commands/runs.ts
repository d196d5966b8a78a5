import { BiphaseError } from '../../core/errors.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';
import { parsePriority } from '../priority.ts';

export const command: Command = {
  name: 'runs',
  summary: 'all runs and their states',
  help: `
biphase runs [--json]
biphase runs priority RUN N

Lists every run that a node has shown, newest first. A run of a node that is not connected is shown as it was last seen.
With "priority" a waiting run gets another one: -1000 to 1000, runs with more start first.
`,
  run: async (args) => {
    const options = parseOptions(args, { json: { type: 'boolean' } }, 3);
    if (options.positionals.length > 0) return setPriority(options.positionals);
    return withControl(async (client) => {
      const { runs } = await client.call('runs', {});
      runs.sort((a, b) => b.createdAt - a.createdAt);
      if (options.flags.has('json')) printJson({ runs });
      else for (const run of runs) process.stdout.write(`${runLine(run)}\n`);
      return 0;
    });
  },
};

async function setPriority([action, run, number = '']: string[]): Promise<number> {
  if (action !== 'priority' || run === undefined)
    throw new BiphaseError('usage', 'Say "biphase runs priority RUN N".');
  const priority = parsePriority(number);
  return withControl(async (client) => {
    await client.call('setPriority', { run, priority });
    return 0;
  });
}

/** "10:42". */
function clockTime(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toTimeString().slice(0, 5);
}

function runLine(run: RunSummary): string {
  const loss = typeof run.loss === 'number' ? run.loss.toFixed(3) : (run.loss ?? '');
  const seen = run.connected ? '' : `as of ${clockTime(run.asOf)}, not connected`;
  return [
    run.run,
    run.state.padEnd(9),
    `${run.step}/${run.totalSteps}`.padEnd(13),
    loss.padEnd(7),
    run.node,
    run.name,
    run.state === 'queued' ? (run.reason ?? '') : '',
    seen,
  ]
    .join('  ')
    .trimEnd();
}
