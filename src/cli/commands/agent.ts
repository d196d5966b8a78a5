import { serveStdio } from '../../agent/stdioAgent.ts';
import type { Command } from '../command.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'agent',
  summary: "serves this machine's runs to control over stdin and stdout (internal)",
  help: `
biphase agent [--root DIR] [--background]

Speaks frames with control on stdin and stdout and ends when stdin closes. Runs go on without it.

  --root DIR    folder that holds everything on this machine; default ~/.biphase
  --background  runs that are started take what other programs on this machine leave: an editor runs beside them
`,
  run: async (args) => {
    const { values, flags } = parseOptions(
      args,
      { root: { type: 'string' }, background: { type: 'boolean' } },
      0,
    );
    const options = { root: values.get('root') ?? '~/.biphase', background: flags.has('background') };
    const code = await serveStdio(options, process.stdin, process.stdout);
    // Something that hangs (a GPU tool, a network file system) must not keep a node's process alive.
    process.exit(code);
  },
};
