import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { FloatDtype } from '../../core/safetensors.ts';
import type { ParameterNaming } from '../../core/storedParameters.ts';
import { exportFolder } from '../../trainer/model/exportFolder.ts';
import { checkpointPath } from '../../trainer/training/origin.ts';
import type { Command } from '../command.ts';
import { parseOptions } from '../options.ts';
import { defaultRoot } from '../places.ts';

const dtypes: Record<string, FloatDtype> = { fp32: 'F32', bf16: 'BF16', fp16: 'F16' };
const namings: Record<string, ParameterNaming> = { transformers: 'transformers', optimus: 'optimus' };

export const command: Command = {
  name: 'export',
  summary: "a model folder in another type, in shards, or under Optimus's names",
  help: `
biphase export CHECKPOINT OUT [options]

Writes a checkpoint (<run>@<step> on this machine, or a folder) as a model folder that transformers reads: config.json,
weights, tokenizer.json. OUT must not exist.

  --dtype fp32|bf16|fp16         default fp32
  --shard-gb N                   most gigabytes (10⁹ bytes) of one weights file; default: all in one
  --names transformers|optimus   default transformers
`,
  run: async (args) => {
    const string = { type: 'string' } as const;
    const options = parseOptions(args, { dtype: string, names: string, 'shard-gb': string }, 2);
    const [checkpoint, target] = options.positionals;
    if (checkpoint === undefined || target === undefined)
      throw new BiphaseError('usage', 'Give a checkpoint and the folder to write.');
    const gigabytes = Number(options.values.get('shard-gb') ?? Number.POSITIVE_INFINITY);
    if (!(gigabytes > 0)) throw new BiphaseError('usage', 'Option --shard-gb must be a number above 0.');
    await exportFolder(checkpointPath(checkpoint, defaultRoot()), path.resolve(target), {
      dtype: choice('dtype', options.values.get('dtype') ?? 'fp32', dtypes),
      naming: choice('names', options.values.get('names') ?? 'transformers', namings),
      shardBytes: gigabytes * 1e9,
    });
    process.stderr.write(`${path.resolve(target)}\n`);
    return 0;
  },
};

function choice<T>(option: string, value: string, allowed: Record<string, T>): T {
  if (!Object.hasOwn(allowed, value))
    throw new BiphaseError(
      'usage',
      `Option --${option} is ${Object.keys(allowed).join(' or ')}, not "${value}".`,
    );
  return allowed[value];
}
