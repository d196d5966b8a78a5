import { hash } from 'node:crypto';
import type { Corpus } from './corpus.ts';
import { firstPlace, type PlacedDocument } from './documents.ts';
import { type Piece, ShardBuilder } from './shardBuilder.ts';
import { readShardIndex, type ShardIndex, shardTokens } from './shardIndex.ts';
import type { LoadedTokenizer } from './tokenizer.ts';
import { idBytes } from './tokenWriter.ts';
import { watched } from './watched.ts';

/** One document in this many is held out, chosen by its hash, so it is the same for every run and seed. */
export const heldOutEvery = 50;

/** Long documents are encoded in parts that end at a line's or a word's end. */
const longestPart = 65_536;
/** Characters that go to the tokenizer library at once: what it gives for them still lies in the processor's cache. */
const encodeAtOnce = 1 << 17;
/** Batches that the library has at the same time: it encodes one while the others are read, turned and written. */
const batchesInFlight = 3;

function parts(text: string): string[] {
  if (text.length <= longestPart) return [text];
  const out: string[] = [];
  let start = 0;
  while (text.length - start > longestPart) {
    const window = text.slice(start, start + longestPart);
    const line = window.lastIndexOf('\n') + 1;
    const word = window.lastIndexOf(' ');
    const size = line > longestPart / 2 ? line : word > 0 ? word : longestPart;
    out.push(text.slice(start, start + size));
    start += size;
  }
  out.push(text.slice(start));
  return out;
}

function piecesOf({ text, place }: PlacedDocument): Piece[] {
  const rank = hash('sha256', text, 'buffer').readUInt32LE(0);
  const held = rank % heldOutEvery === 0;
  const texts = parts(text);
  return texts.map((part, i) => ({ text: part, last: i === texts.length - 1, held, rank, place }));
}

/** Encodes batches one behind the other: they come out in the order they went in. */
class EncodingQueue {
  readonly #tokenizer: LoadedTokenizer;
  readonly #builder: ShardBuilder;
  readonly #until: number;
  readonly #inFlight: { pieces: Piece[]; ids: Promise<ArrayLike<number>[]> }[] = [];
  #pending: Piece[] = [];
  #characters = 0;

  constructor(tokenizer: LoadedTokenizer, builder: ShardBuilder, until: number) {
    this.#tokenizer = tokenizer;
    this.#builder = builder;
    this.#until = until;
  }

  async push(document: PlacedDocument): Promise<void> {
    for (const piece of piecesOf(document)) {
      this.#pending.push(piece);
      this.#characters += piece.text.length;
      if (this.#characters < encodeAtOnce) continue;
      this.#send();
      if (this.#inFlight.length >= batchesInFlight) await this.#receive();
    }
  }

  async drain(): Promise<void> {
    this.#send();
    while (this.#inFlight.length > 0) await this.#receive();
  }

  #send(): void {
    const pieces = this.#pending;
    const unread = (piece: Piece): boolean => piece.held && !this.#builder.validationOpen;
    const ids = this.#tokenizer.encode(pieces.map((piece) => (unread(piece) ? '' : piece.text)));
    // Its failure is thrown when its turn comes.
    ids.catch(() => {});
    this.#inFlight.push({ pieces, ids });
    this.#pending = [];
    this.#characters = 0;
  }

  async #receive(): Promise<void> {
    const first = this.#inFlight.shift();
    if (!first) return;
    const encoded = await first.ids;
    for (const [index, piece] of first.pieces.entries()) {
      if (this.#builder.tokens >= this.#until) return;
      this.#builder.add(piece, encoded[index]);
    }
  }
}

/** An index without shards. */
export function emptyIndex(
  corpus: Pick<Corpus, 'label' | 'hash'>,
  tokenizer: LoadedTokenizer,
  perShard = shardTokens,
): ShardIndex {
  return {
    schema: 1,
    corpus: corpus.label,
    corpusHash: corpus.hash,
    tokenizerHash: tokenizer.hash,
    idBytes: idBytes(tokenizer.size),
    shardTokens: perShard,
    shards: [],
    validation: null,
    heldOut: null,
    documents: 0,
    next: { ...firstPlace, skip: 0 },
    complete: false,
  };
}

/**
 * Encodes a corpus into the shards of `folder`, from where its index ends until at least `until` training tokens are
 * there or the corpus ends. Every document ends with eos. Documents held out within the first shard become
 * validation.bin; later ones are left out, so no run trains on them. A kill loses the shard in work and nothing else.
 * @param tick gets the training tokens so far; may throw to stop
 * @throws BiphaseError `usage` for a corpus without text
 */
export async function tokenizeCorpus(
  corpus: Pick<Corpus, 'label' | 'hash' | 'documents'>,
  tokenizer: LoadedTokenizer,
  folder: string,
  until: number,
  tick: (tokens: number) => Promise<void>,
  perShard = shardTokens,
): Promise<ShardIndex> {
  const index = readShardIndex(folder) ?? emptyIndex(corpus, tokenizer, perShard);
  const builder = new ShardBuilder(folder, index, tokenizer.eos);
  const queue = new EncodingQueue(tokenizer, builder, until);
  const ticking = (): Promise<void> => tick(builder.progress);
  try {
    const { file, item } = index.next;
    for await (const documents of watched((signal) => corpus.documents({ file, item }, signal), ticking)) {
      for (const document of documents) await queue.push(document);
      if (builder.tokens >= until) return index;
      await ticking();
    }
    await queue.drain();
    if (builder.tokens < until) builder.finish();
    return index;
  } finally {
    builder.abandon();
  }
}
