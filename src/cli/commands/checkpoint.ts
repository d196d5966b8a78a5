import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { parseCheckpointName } from '../../core/checkpointName.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { type ParsedOptions, parseOptions } from '../options.ts';
import { withTransferLine } from '../transferLine.ts';

export const command: Command = {
  name: 'checkpoint',
  summary: 'copy a checkpoint to this machine or to another node',
  help: `
biphase checkpoint copy RUN@STEP (--to DIR | --to-node NODE) [--json]

Copies a complete checkpoint from the node of its run: into DIR/RUN@STEP on this machine, or to another node, where a run
with "from: {checkpoint: RUN@STEP}" finds it. Every file is checked by its SHA-256. Prints where it is. Ctrl+C ends the
copy; asked again, it goes on where it was.

  --to DIR         a folder of this machine
  --to-node NODE   a node; all bytes pass through this machine
  --json           JSON on stdout

  biphase checkpoint copy 20260101-k3v9x2aa@5000 --to ~/checkpoints
`,
  run: async (args) => {
    const options = parseOptions(
      args,
      { to: { type: 'string' }, 'to-node': { type: 'string' }, json: { type: 'boolean' } },
      2,
    );
    const [action, name] = options.positionals;
    if (action !== 'copy')
      throw new BiphaseError(
        'usage',
        action === undefined ? 'Say what: copy.' : `Unknown action "${action}": copy.`,
      );
    const checkpoint = name === undefined ? undefined : parseCheckpointName(name);
    if (!checkpoint)
      throw new BiphaseError('usage', 'Name the checkpoint as RUN@STEP; "biphase runs" lists the runs.');
    const wish = { transfer: randomUUID(), ...checkpoint, to: targetOf(options) };
    return withControl(async (client) => {
      const copy = () => client.call('copyCheckpoint', wish);
      const { place } = await withTransferLine(client, wish.transfer, copy);
      if (options.flags.has('json')) printJson({ place });
      else process.stdout.write(`${place}\n`);
      return 0;
    });
  },
};

function targetOf({ values }: ParsedOptions): { node: string } | { folder: string } {
  const folder = values.get('to');
  const node = values.get('to-node');
  if (folder !== undefined && node === undefined) return { folder: path.resolve(folder) };
  if (node !== undefined && folder === undefined) return { node };
  throw new BiphaseError('usage', 'Say where to: --to DIR, or --to-node NODE.');
}
