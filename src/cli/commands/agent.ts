import { serveStdio } from '../../agent/stdioAgent.ts';
import type { Command } from '../command.ts';
import { parseOptions } from '../options.ts';

export const command: Command = {
  name: 'agent',
  summary: "serves this machine's runs to control over stdin and stdout (internal)",
  help: `
biphase agent [--root DIR]

Speaks frames with control on stdin and stdout and ends when stdin closes. Runs go on without it.

  --root DIR   folder that holds everything on this machine; default ~/.biphase
`,
  run: async (args) => {
    const { values } = parseOptions(args, { root: { type: 'string' } }, 0);
    const code = await serveStdio(values.get('root') ?? '~/.biphase', process.stdin, process.stdout);
    // Something that hangs (a GPU tool, a network file system) must not keep a node's process alive.
    process.exit(code);
  },
};
