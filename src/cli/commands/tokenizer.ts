import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { openCorpus } from '../../trainer/data/corpus.ts';
import { trainTokenizer } from '../../trainer/data/trainTokenizer.ts';
import type { Command } from '../command.ts';
import { integerOption, parseOptions } from '../options.ts';
import { defaultRoot } from '../places.ts';

async function run(args: string[]): Promise<number> {
  const options = parseOptions(args, { 'vocab-size': { type: 'string' }, out: { type: 'string' } }, 2);
  const [action, source] = options.positionals;
  if (action !== 'train')
    throw new BiphaseError(
      'usage',
      action === undefined ? 'Say what: train.' : `Unknown action "${action}": train.`,
    );
  if (source === undefined) throw new BiphaseError('usage', 'Give a folder, a file or world.');
  const corpus = openCorpus(source, path.join(defaultRoot(), 'cache'));
  const json = await trainTokenizer(corpus.documents(), integerOption(options, 'vocab-size', 260) ?? 8192);
  const out = options.values.get('out') ?? 'tokenizer.json';
  fs.writeFileSync(out, json);
  process.stderr.write(`${out}\n`);
  return 0;
}

export const command: Command = {
  name: 'tokenizer',
  summary: 'byte-level BPE trained on a corpus',
  help: `
biphase tokenizer train SOURCE [--vocab-size N] [--out FILE]

Trains byte-level BPE on a folder, a file or world, and writes a tokenizer.json that \`tokenizers\` and \`transformers\`
read. Special tokens: <|begin_of_text|>, <|end_of_text|>, <|mask|>.

  --vocab-size N   ids, special ones included; fewer where the corpus has no more words (default 8192)
  --out FILE       default tokenizer.json
`,
  run,
};
