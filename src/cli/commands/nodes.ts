import type { ControlClient } from '../../control/client/controlClient.ts';
import { BiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import { type SlurmOptions, slurmOptionsSchema } from '../../protocol/slurm.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { integerOption, type ParsedOptions, parseOptions } from '../options.ts';

const slurmNames = ['partition', 'account', 'qos', 'time', 'gres', 'memory'] as const;

export const command: Command = {
  name: 'nodes',
  summary: 'add, test, list and remove nodes',
  help: `
biphase nodes list [--json]
biphase nodes add NAME --host HOST [--user U] [--port P] [--identity FILE] [--root DIR] [--node-path FILE]
                       [--slots N] [--slurm] [--partition P] [--account A] [--qos Q] [--time T] [--gres G]
                       [--memory M] [--cpus N]
biphase nodes test NAME [--json]
biphase nodes remove NAME

--slots: how many runs the node takes at once; on a node with GPUs each then gets one of its own. Default: as many as
are started.
--slurm: runs are jobs of the node's Slurm. The options behind it say so too, and are those of sbatch; --memory is --mem,
--cpus is --cpus-per-task.
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
  if (action === 'test') {
    const result = await client.call('testNode', { name });
    if (json) printJson(result);
    else process.stdout.write(`${result.findings.map(printable).join('\n')}\n`);
    return result.ok ? 0 : 1;
  }
  throw new BiphaseError('usage', `"nodes ${action}" is not known: list, add, test or remove.`);
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
