// How fast a corpus becomes token shards, beside the tokenizer library alone on all cores:
//   node test/bench/tokenizing.ts [--megabytes 48] [--rounds 5] [--vocab 8192] [--format jsonl|zst|parquet]
// Ours is everything that preparing data does: reading, decompressing, parsing, hashing each document, encoding, turning
// ids and writing durable shards. The peer is `encodeBatch` of `tokenizers` on the same documents, already in memory, in
// batches of the size that is fastest for it here. They take turns; the table gives medians. It asserts nothing.
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

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-tokenizing-'));
try {
  const texts = documents(Number(options.megabytes) * 1e6);
  const file = write(texts, options.format, folder);
  const json = await trainTokenizer(texts, Number(options.vocab));
  const tokenizer = loadTokenizer(json, 'trained');
  const native = nativeTokenizers().Tokenizer.fromString(json);
  const corpus = await openCorpus(file, {
    column: 'text',
    cache: path.join(folder, 'cache'),
    signal: new AbortController().signal,
    tick: async () => {},
  });
  const batch = 256;
  const peer = async (): Promise<void> => {
    for (let start = 0; start < texts.length; start += batch)
      await native.encodeBatch(texts.slice(start, start + batch), { addSpecialTokens: false });
  };
  let tokens = 0;
  let number = 0;
  const ours = async (): Promise<void> => {
    const shards = path.join(folder, `shards-${number++}`);
    fs.mkdirSync(shards);
    const index = await tokenizeCorpus(corpus, tokenizer, shards, Number.POSITIVE_INFINITY, async () => {});
    tokens = indexedTokens(index) + (index.validation?.tokens ?? 0);
    fs.rmSync(shards, { recursive: true });
  };
  await peer();
  await ours();
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < Number(options.rounds); round++) {
    times.peer.push(await seconds(peer));
    times.ours.push(await seconds(ours));
  }
  const ratios = times.ours.map((time, round) => times.peer[round] / time);
  console.table({
    'tokenizers alone': {
      'tokens/s': Math.round(tokens / median(times.peer)),
      seconds: median(times.peer).toFixed(2),
    },
    'biphase data prepare': {
      'tokens/s': Math.round(tokens / median(times.ours)),
      seconds: median(times.ours).toFixed(2),
    },
  });
  console.log(
    `${options.format}, ${texts.length} documents, ${(tokens / 1e6).toFixed(1)}M tokens of ${tokenizer.size} ids, ${os.availableParallelism()} cores: ours ÷ tokenizers ${median(ratios).toFixed(2)} (${ratios.map((r) => r.toFixed(2)).join(', ')}); peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
  );
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
