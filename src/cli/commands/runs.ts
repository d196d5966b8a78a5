import type { RunSummary } from '../../protocol/controlApi.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'runs',
  summary: 'all runs and their states',
  help: `
biphase runs [--json]

Lists every run that a node has shown, newest first. A run of a node that is not connected is shown as it was last seen.
`,
  run: async (args) => {
    const options = parseOptions(args, { json: { type: 'boolean' } }, 0);
    return withControl(async (client) => {
      const { runs } = await client.call('runs', {});
      runs.sort((a, b) => b.createdAt - a.createdAt);
      if (options.flags.has('json')) printJson({ runs });
      else for (const run of runs) process.stdout.write(`${runLine(run)}\n`);
      return 0;
    });
  },
};

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
    seen,
  ]
    .join('  ')
    .trimEnd();
}
