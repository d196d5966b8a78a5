import { BiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import { isRunId } from '../../protocol/runDirectory.ts';
import type { Command } from '../command.ts';
import { withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'stop',
  summary: 'ask a run to save and stop',
  help: `
biphase stop RUN [--kill]

Asks the trainer to save a checkpoint and end. --kill ends it at once, without a checkpoint.
`,
  run: async (args) => {
    const options = parseOptions(args, { kill: { type: 'boolean' } }, 1);
    const [run] = options.positionals;
    if (run === undefined) throw new BiphaseError('usage', 'Name the run to stop.');
    if (!isRunId(run)) throw new BiphaseError('missing', `There is no run ${run}.`);
    return withControl(async (client) => {
      if (!options.flags.has('kill')) {
        const known = (await client.call('runs', {})).runs.find((each) => each.run === run);
        if (known && !isActive(known.state))
          throw new BiphaseError('refused', `Run ${run} is ${known.state} already.`);
        await client.call('stop', { run });
        process.stderr.write('Asked to stop: it saves a checkpoint first.\n');
      } else if (!(await client.call('kill', { run })).signalled)
        throw new BiphaseError('missing', `Run ${run} has no process that could be killed.`);
      return 0;
    });
  },
};
