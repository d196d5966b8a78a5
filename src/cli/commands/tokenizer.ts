import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { openCorpus } from '../../trainer/data/corpus.ts';
import { firstPlace, textsOf } from '../../trainer/data/documents.ts';
import { trainTokenizer } from '../../trainer/data/trainTokenizer.ts';
import type { Command } from '../command.ts';
import { integerOption, parseOptions } from '../options.ts';
import { defaultRoot } from '../places.ts';

async function run(args: string[]): Promise<number> {
  const options = parseOptions(
    args,
    { 'vocab-size': { type: 'string' }, column: { type: 'string' }, out: { type: 'string' } },
    2,
  );
  const [action, source] = options.positionals;
  if (action !== 'train')
    throw new BiphaseError(
      'usage',
      action === undefined ? 'Say what: train.' : `Unknown action "${action}": train.`,
    );
  if (source === undefined)
    throw new BiphaseError('usage', 'Give a folder, a file, hub:OWNER/NAME or world.');
  const vocabSize = integerOption(options, 'vocab-size', 260) ?? 8192;
  const { signal } = new AbortController();
  const corpus = await openCorpus(source, {
    column: options.values.get('column') ?? 'text',
    cache: path.join(defaultRoot(), 'cache'),
    signal,
    tick: async () => {},
  });
  const json = await trainTokenizer(textsOf(corpus.documents(firstPlace, signal)), vocabSize);
  const out = options.values.get('out') ?? 'tokenizer.json';
  fs.writeFileSync(out, json);
  process.stderr.write(`${out}\n`);
  return 0;
}

export const command: Command = {
  name: 'tokenizer',
  summary: 'byte-level BPE trained on a corpus',
  help: `
biphase tokenizer train SOURCE [--vocab-size N] [--column NAME] [--out FILE]

Trains byte-level BPE on a folder, a file, a dataset of the hub or world, and writes a tokenizer.json that \`tokenizers\` and \`transformers\`
read. Special tokens: <|begin_of_text|>, <|end_of_text|>, <|mask|>.

  --vocab-size N   ids, special ones included; fewer where the corpus has no more words (default 8192)
  --column NAME    column of parquet files, or key of JSON lines, that holds the text (default text)
  --out FILE       default tokenizer.json
`,
  run,
};
