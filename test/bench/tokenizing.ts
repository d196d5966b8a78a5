// How fast a corpus becomes token shards, beside the tokenizer library alone on all cores:
//   node --expose-gc test/bench/tokenizing.ts [--megabytes 48] [--rounds 5] [--vocab 8192] [--format jsonl|zst|parquet]
//     [--text FOLDER]
// Ours is everything that preparing data does: reading, decompressing, parsing, hashing each document, encoding, turning
// ids and writing durable shards. The peer is `encodeBatch` of `tokenizers` on the same documents, already in memory, in
// batches of the size that is fastest for it here. The text is the built-in world's, or that of a folder. They take turns; the table gives medians. It asserts nothing.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { openCorpus } from '../../src/trainer/data/corpus.ts';
import { nativeTokenizers } from '../../src/trainer/data/nativeTokenizers.ts';
import { indexedTokens } from '../../src/trainer/data/shardIndex.ts';
import { tokenizeCorpus } from '../../src/trainer/data/tokenizeCorpus.ts';
import { loadTokenizer } from '../../src/trainer/data/tokenizer.ts';
import { trainTokenizer } from '../../src/trainer/data/trainTokenizer.ts';
import { worldDocument } from '../../src/trainer/data/worldDocuments.ts';
import { buildWorld } from '../../src/trainer/data/worldFacts.ts';

const { values: options } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '48' },
    rounds: { type: 'string', default: '5' },
    vocab: { type: 'string', default: '8192' },
    format: { type: 'string', default: 'parquet' },
    text: { type: 'string' },
  },
});

/** Documents of web length (about 3,500 characters), of the built-in world's sentences. */
function documents(bytes: number): string[] {
  const world = buildWorld(0);
  const found: string[] = [];
  let total = 0;
  for (let index = 0; total < bytes; ) {
    const parts: string[] = [];
    let size = 0;
    while (size < 3500) {
      const part = worldDocument(world, index++);
      parts.push(part);
      size += part.length;
    }
    found.push(parts.join('\n'));
    total += size;
  }
  return found;
}

/** The beginning of a folder's text, as its documents. */
async function documentsOf(source: string, bytes: number): Promise<string[]> {
  const signal = new AbortController().signal;
  const corpus = await openCorpus(source, {
    column: 'text',
    cache: os.tmpdir(),
    signal,
    tick: async () => {},
  });
  const found: string[] = [];
  let total = 0;
  for await (const batch of corpus.documents({ file: 0, item: 0 }, signal))
    for (const { text } of batch) {
      if (total >= bytes) return found;
      found.push(text);
      total += text.length;
    }
  return found;
}

function write(texts: string[], format: string, folder: string): string {
  const lines = (): string => texts.map((text) => `${JSON.stringify({ text })}\n`).join('');
  const columnData = [{ name: 'text', data: texts, type: 'STRING' as const }];
  const compressors = { ZSTD: (bytes: Uint8Array) => new Uint8Array(zlib.zstdCompressSync(bytes)) };
  const [name, content] =
    format === 'parquet'
      ? [
          'a.parquet',
          new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 1000, codec: 'ZSTD', compressors })),
        ]
      : format === 'zst'
        ? ['a.jsonl.zst', zlib.zstdCompressSync(lines())]
        : ['a.jsonl', Buffer.from(lines())];
  const file = path.join(folder, name);
  fs.writeFileSync(file, content);
  return file;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

interface Cost {
  /** On the clock. */
  seconds: number;
  /** Of processors, which other programs on the machine change little. */
  processor: number;
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  // What the turn before left behind is not freed at this one's cost: the library alone leaves a gigabyte.
  globalThis.gc?.();
  const started = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - started) / 1000, processor: (user + system) / 1e6 };
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-tokenizing-'));
try {
  const bytes = Number(options.megabytes) * 1e6;
  const texts = options.text === undefined ? documents(bytes) : await documentsOf(options.text, bytes);
  const file = write(texts, options.format, folder);
  const json = await trainTokenizer(texts, Number(options.vocab));
  const native = nativeTokenizers().Tokenizer.fromString(json);
  const corpus = await openCorpus(file, {
    column: 'text',
    cache: path.join(folder, 'cache'),
    signal: new AbortController().signal,
    tick: async () => {},
  });
  const batch = 64;
  const peer = async (): Promise<void> => {
    for (let start = 0; start < texts.length; start += batch)
      await native.encodeBatch(texts.slice(start, start + batch), { addSpecialTokens: false });
  };
  let tokens = 0;
  let number = 0;
  const ours = async (): Promise<void> => {
    const shards = path.join(folder, `shards-${number++}`);
    fs.mkdirSync(shards);
    // A new one each time: it has seen no word yet.
    const tokenizer = loadTokenizer(json, 'trained');
    const index = await tokenizeCorpus(corpus, tokenizer, shards, Number.POSITIVE_INFINITY, async () => {});
    tokens = indexedTokens(index) + (index.validation?.tokens ?? 0);
    fs.rmSync(shards, { recursive: true });
  };
  await peer();
  await ours();
  const costs: { ours: Cost; peer: Cost }[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const alone = await costOf(peer);
    costs.push({ peer: alone, ours: await costOf(ours) });
  }
  const row = (who: 'ours' | 'peer') => {
    const time = median(costs.map((cost) => cost[who].seconds));
    const processor = median(costs.map((cost) => cost[who].processor));
    return {
      'tokens/s': Math.round(tokens / time),
      seconds: time.toFixed(2),
      processor: processor.toFixed(2),
    };
  };
  console.table({ 'tokenizers alone': row('peer'), 'biphase data prepare': row('ours') });
  const share = (key: keyof Cost): string => {
    const ratios = costs.map(({ ours, peer }) => peer[key] / ours[key]);
    return `${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`;
  };
  console.log(
    `${options.format}, ${texts.length} documents, ${(tokens / 1e6).toFixed(1)}M tokens of ${loadTokenizer(json, 'trained').size} ids, ${os.availableParallelism()} cores`,
  );
  console.log(`ours ÷ tokenizers: rate ${share('seconds')}; processor time ${share('processor')}`);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
