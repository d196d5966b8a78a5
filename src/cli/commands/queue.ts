import { NodeRoot } from '../../agent/nodeRoot.ts';
import { ownProgram } from '../../agent/ownBundle.ts';
import { thisMachine } from '../../agent/processTable.ts';
import { QueueRunner } from '../../agent/queue/queueRunner.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'queue',
  summary: "starts this machine's waiting runs in free slots (internal)",
  help: `
biphase queue --root DIR

Started by an agent while runs wait in the queue of this machine. Ends when none waits, or at once where another one is
at work.

  --root DIR  folder that holds everything on this machine
`,
  run: async (args) => {
    const { values } = parseOptions(args, { root: { type: 'string' } }, 0);
    const root = values.get('root');
    if (root === undefined) throw new BiphaseError('usage', "The queue's runner needs --root.");
    process.umask(0o077);
    process.on('SIGHUP', () => {});
    const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);
    await new QueueRunner(new NodeRoot(root), thisMachine, ownProgram(), log).run();
    // A GPU tool that hangs must not keep it alive.
    process.exit(0);
  },
};
