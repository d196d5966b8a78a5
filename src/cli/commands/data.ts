import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { printable } from '../../core/printable.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { defaultWorldDocuments } from '../../core/worldSource.ts';
import { neededSamples, neededTokens } from '../../trainer/data/dataNeed.ts';
import { forgetHubName } from '../../trainer/data/hub/hubMemo.ts';
import { isHubName } from '../../trainer/data/hub/hubName.ts';
import { type DataRequest, prepareData } from '../../trainer/data/prepareData.ts';
import { worldDocuments } from '../../trainer/data/worldDocuments.ts';
import { readOrigin } from '../../trainer/training/origin.ts';
import { checkpointTokenizer, firstState, resolvable, type Start } from '../../trainer/training/start.ts';
import type { Command } from '../command.ts';
import { makeNamedFolder } from '../makeNamedFolder.ts';
import { integerOption, type ParsedOptions, parseOptions } from '../options.ts';
import { defaultRoot } from '../places.ts';
import { readRunFile } from '../readRunFile.ts';

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

/** What a run file's run will read. */
async function requestOfRun(file: string, root: string): Promise<DataRequest> {
  const written = parseRunFile(readRunFile(file));
  const start: Start = written.from
    ? { kind: 'from', origin: await readOrigin(written.from.checkpoint, root) }
    : { kind: 'random' };
  const resolved = resolveRunFile(...resolvable(written, start));
  const { source, column, packing, tokens } = resolved.data;
  const wanted = resolved.data.tokenizer;
  const tokenizer = wanted === 'checkpoint' ? checkpointTokenizer(start) : wanted;
  const samples = neededSamples(resolved, firstState(start, resolved));
  return { source, column, tokenizer, tokens: neededTokens(packing, samples, tokens) };
}

/** What the options say of a source. */
function requestOfSource(source: string, options: ParsedOptions): DataRequest {
  const tokens = integerOption(options, 'tokens', 1);
  if (tokens === undefined && isHubName(source))
    throw new BiphaseError('usage', 'Say with --tokens how many training tokens of the dataset to prepare.');
  const vocabSize = integerOption(options, 'vocab-size', 260) ?? 8192;
  return {
    source,
    column: options.values.get('column') ?? 'text',
    tokenizer: options.values.get('tokenizer') ?? { train: { vocabSize } },
    tokens: tokens ?? Number.POSITIVE_INFINITY,
  };
}

/** Options that a run file says itself. */
const ofSourceOnly = ['tokens', 'column', 'tokenizer', 'vocab-size'];

async function prepare(options: ParsedOptions): Promise<number> {
  const given = options.positionals[1];
  if (given === undefined)
    throw new BiphaseError('usage', 'Give a run file, a folder, a file, hub:OWNER/NAME or world.');
  const root = path.resolve(options.values.get('root') ?? defaultRoot());
  const cache = path.join(root, 'cache');
  makeNamedFolder(cache, 'Choose another --root.');
  const isRunFile = /\.ya?ml$/i.test(given);
  const extra = ofSourceOnly.find((name) => options.values.has(name));
  if (isRunFile && extra !== undefined)
    throw new BiphaseError('usage', `--${extra} is for a source; the run file says it itself.`);
  const request = isRunFile ? await requestOfRun(given, root) : requestOfSource(given, options);
  if (options.flags.has('refresh')) forgetHubName(request.source, cache);
  let said = '';
  const data = await prepareData(request, cache, async (doing) => {
    if (doing !== said) process.stderr.write(`${printable(doing)}\n`);
    said = doing;
  });
  const { folder, meta, tokenizer, source } = data;
  data.train.close();
  if (options.flags.has('json'))
    process.stdout.write(`${JSON.stringify({ folder, source, tokenizerSize: tokenizer.size, ...meta })}\n`);
  else
    process.stdout.write(
      `${meta.documents} documents of ${source}, ${meta.trainTokens} training and ${meta.validationTokens} validation tokens of ${tokenizer.size} ids in ${folder}\n`,
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
      tokens: { type: 'string' },
      column: { type: 'string' },
      tokenizer: { type: 'string' },
      'vocab-size': { type: 'string' },
      refresh: { type: 'boolean' },
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
biphase data prepare FILE.run.yaml [--refresh] [--root DIR] [--json]
biphase data prepare SOURCE [--tokens N] [--column NAME] [--tokenizer FILE | --vocab-size N] [--refresh] [--root DIR] [--json]
biphase data world [--documents N] [--seed S] [--out FILE.jsonl]

prepare   encodes a corpus into token shards in the cache of a root, as the first run on it would: for a run file as far
          as its run needs, so that a node without internet finds tokenizer, dataset and shards there, also on a login
          node for its compute nodes. SOURCE is a folder or file
          (.parquet, .jsonl, .ndjson, .txt, .md; all but parquet also as .gz or .zst), hub:OWNER/NAME[/CONFIG][@REVISION],
          world, or world:<documents>. Stopped, it goes on from the last whole shard.
world     writes documents of the built-in corpus, one JSON line each: English-like text over invented, consistent facts.

  --tokens N         training tokens to prepare, rounded up to a shard; without it all of a local source
  --column NAME      column of parquet files, or key of JSON lines, that holds the text (default text)
  --tokenizer FILE   tokenizer.json to use, or hub:OWNER/NAME; else byte-level BPE of --vocab-size ids (default 8192) is
                     trained
  --refresh          ask the hub again which commit the revision is; without it the one found first stays
  --root DIR         default ~/.biphase
  --documents N      default ${defaultWorldDocuments}

HF_TOKEN and HF_ENDPOINT are read from the environment.

  biphase data prepare examples/hub.run.yaml
  biphase data prepare hub:HuggingFaceFW/fineweb-edu/sample-10BT --tokens 100000000
`,
  run,
};
