import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { prepareData } from '../../trainer/data/prepareData.ts';
import { defaultWorldDocuments, worldDocuments } from '../../trainer/data/worldDocuments.ts';
import type { Command } from '../command.ts';
import { integerOption, type ParsedOptions, parseOptions } from '../options.ts';
import { defaultRoot } from '../places.ts';

async function world(options: ParsedOptions): Promise<number> {
  const documents = integerOption(options, 'documents', 1) ?? defaultWorldDocuments;
  const seed = integerOption(options, 'seed') ?? 0;
  const out = options.values.get('out');
  const stream = out === undefined ? process.stdout : fs.createWriteStream(out);
  for (const text of worldDocuments(seed, documents))
    if (!stream.write(`${JSON.stringify({ text })}\n`)) await once(stream, 'drain');
  if (out !== undefined) {
    stream.end();
    await once(stream, 'finish');
    process.stderr.write(`${documents} documents in ${out}\n`);
  }
  return 0;
}

async function prepare(options: ParsedOptions): Promise<number> {
  const source = options.positionals[1];
  if (source === undefined) throw new BiphaseError('usage', 'Give a folder, a file or world.');
  const given = options.values.get('tokenizer');
  const vocabSize = integerOption(options, 'vocab-size', 260) ?? 8192;
  const root = path.resolve(options.values.get('root') ?? defaultRoot());
  let said = '';
  const data = await prepareData(
    { source, tokenizer: given ?? { train: { vocabSize } } },
    path.join(root, 'cache'),
    async (doing) => {
      if (doing !== said) process.stderr.write(`${doing}\n`);
      said = doing;
    },
  );
  const { folder, meta, tokenizer } = data;
  if (options.flags.has('json'))
    process.stdout.write(`${JSON.stringify({ folder, tokenizerSize: tokenizer.size, ...meta })}\n`);
  else
    process.stdout.write(
      `${meta.documents} documents, ${meta.trainTokens} training and ${meta.validationTokens} validation tokens of ${tokenizer.size} ids in ${folder}\n`,
    );
  return 0;
}

async function run(args: string[]): Promise<number> {
  const options = parseOptions(
    args,
    {
      documents: { type: 'string' },
      seed: { type: 'string' },
      out: { type: 'string' },
      tokenizer: { type: 'string' },
      'vocab-size': { type: 'string' },
      root: { type: 'string' },
      json: { type: 'boolean' },
    },
    2,
  );
  const action = options.positionals[0];
  if (action === 'world') return world(options);
  if (action === 'prepare') return prepare(options);
  throw new BiphaseError(
    'usage',
    action === undefined ? 'Say what: world or prepare.' : `Unknown action "${action}": world or prepare.`,
  );
}

export const command: Command = {
  name: 'data',
  summary: 'token shards, and the built-in corpus',
  help: `
biphase data prepare SOURCE [--tokenizer FILE | --vocab-size N] [--root DIR] [--json]
biphase data world [--documents N] [--seed S] [--out FILE.jsonl]

prepare   encodes a corpus into the cache of a root, as the first run on it would. SOURCE is a folder or file
          (.txt, .md, .jsonl, each also as .gz), world, or world:<documents>.
world     writes documents of the built-in corpus, one JSON line each: English-like text over invented, consistent facts.

  --tokenizer FILE   tokenizer.json to use; else byte-level BPE of --vocab-size ids (default 8192) is trained
  --root DIR         default ~/.biphase
  --documents N      default ${defaultWorldDocuments}
`,
  run,
};
