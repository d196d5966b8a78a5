import type { ControlClient } from '../../control/client/controlClient.ts';
import { BiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import type { QueueHold } from '../../protocol/queue.ts';
import { type SlurmOptions, slurmOptionsSchema } from '../../protocol/slurm.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { integerOption, type ParsedOptions, parseOptions } from '../options.ts';
import { spaceLines } from '../spaceLines.ts';

const slurmNames = ['partition', 'account', 'qos', 'time', 'gres', 'memory'] as const;

export const command: Command = {
  name: 'nodes',
  summary: 'add, test, list and remove nodes; what takes space on one',
  help: `
biphase nodes list [--json]
biphase nodes add NAME --host HOST [--user U] [--port P] [--identity FILE] [--root DIR] [--node-path FILE]
                       [--slots N] [--slurm] [--partition P] [--account A] [--qos Q] [--time T] [--gres G]
                       [--memory M] [--cpus N]
biphase nodes test NAME [--json]
biphase nodes remove NAME
biphase nodes pause|drain|release NAME
biphase nodes space [NAME] [--json]

--slots: how many runs the node takes at once; on a node with GPUs each then gets one of its own. Default: as many as
are started.
--slurm: runs are jobs of the node's Slurm. The options behind it say so too, and are those of sbatch; --memory is --mem,
--cpus is --cpus-per-task.
pause: nothing starts from the node's queue any more, what runs goes on. drain: the same, and waiting runs of a batch go
to its other nodes. release: the queue goes on. On a node with Slurm use "scontrol hold" and "scontrol release" instead.
space: what runs, checkpoints, cache and programs take on the node's disk, the largest first; default: this computer.
HOST is an alias of ~/.ssh/config or a name. "this computer" (also: local) is always there.
`,
  run: async (args) => {
    const text = { type: 'string' } as const;
    const options = parseOptions(
      args,
      {
        host: text,
        user: text,
        port: text,
        identity: text,
        root: text,
        'node-path': text,
        slots: text,
        slurm: { type: 'boolean' },
        ...Object.fromEntries(slurmNames.map((key) => [key, text])),
        cpus: text,
        json: { type: 'boolean' },
      },
      2,
    );
    const [action = 'list', name] = options.positionals;
    if (action === 'space') return withControl((client) => printSpace(client, name ?? 'local', options));
    if (action !== 'list' && name === undefined) throw new BiphaseError('usage', 'Name the node.');
    return withControl((client) => act(client, action, name ?? '', options));
  },
};

async function act(
  client: ControlClient,
  action: string,
  name: string,
  options: ParsedOptions,
): Promise<number> {
  const json = options.flags.has('json');
  if (action === 'list') {
    const { nodes } = await client.call('nodes', {});
    if (json) printJson({ nodes });
    else
      for (const { config, connection, message } of nodes)
        process.stdout.write(
          `${printable([config.name, connection, config.host ?? '', message ?? ''].join('  ').trimEnd())}\n`,
        );
    return 0;
  }
  if (action === 'add') {
    await client.call('addNode', { config: configOf(name, options) });
    return 0;
  }
  if (action === 'remove') {
    await client.call('removeNode', { name });
    return 0;
  }
  const hold = new Map<string, QueueHold | null>([
    ['pause', 'paused'],
    ['drain', 'draining'],
    ['release', null],
  ]).get(action);
  if (hold !== undefined) {
    await client.call('holdQueue', { node: name, hold });
    return 0;
  }
  if (action === 'test') {
    const result = await client.call('testNode', { name });
    if (json) printJson(result);
    else process.stdout.write(`${result.findings.map(printable).join('\n')}\n`);
    return result.ok ? 0 : 1;
  }
  throw new BiphaseError(
    'usage',
    `"nodes ${action}" is not known: list, add, test, remove, pause, drain, release or space.`,
  );
}

async function printSpace(client: ControlClient, name: string, options: ParsedOptions): Promise<number> {
  const use = await client.call('diskUse', { name, ask: String(process.pid) });
  if (options.flags.has('json')) printJson(use);
  else process.stdout.write(`${spaceLines(use).map(printable).join('\n')}\n`);
  return 0;
}

function configOf(name: string, options: ParsedOptions): NodeConfig {
  const { values } = options;
  const local = name === 'local' || name === 'this computer';
  const port = integerOption(options, 'port', 1);
  if (port !== undefined && port > 65_535)
    throw new BiphaseError('usage', `Option --port is at most 65535, not ${port}.`);
  const given: Partial<NodeConfig> = {
    host: values.get('host'),
    user: values.get('user'),
    port,
    identityFile: values.get('identity'),
    root: values.get('root'),
    nodePath: values.get('node-path'),
    slots: integerOption(options, 'slots', 1),
    slurm: slurmOf(options),
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return local ? { ...set, name: 'this computer', kind: 'local' } : { ...set, name, kind: 'ssh' };
}

/** Undefined where no option speaks of Slurm. */
function slurmOf(options: ParsedOptions): SlurmOptions | undefined {
  const given = {
    ...Object.fromEntries(slurmNames.map((key) => [key, options.values.get(key)])),
    cpus: integerOption(options, 'cpus', 1),
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (Object.keys(set).length === 0 && !options.flags.has('slurm')) return undefined;
  const parsed = slurmOptionsSchema.safeParse(set);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BiphaseError('usage', `Option --${String(issue?.path[0])} is ${issue?.message ?? 'wrong'}.`);
}
