/** Ids of each text, without special tokens added. */
export type Encode = (texts: string[]) => Promise<ArrayLike<number>[]>;

/** Chunks that are kept: beyond the first few hundred thousand of a corpus hardly one comes back often. */
const chunksKept = 1 << 18;
/** Longer chunks rarely come back. */
const longestChunk = 32;
/** Once the memo is full, a text with more unknown chunks than this share is given to the tokenizer whole. */
const mostUnknown = 0.25;
const space = 0x20;
const firstPrintable = 0x21;
const lastPrintable = 0x7e;

/** Growing ids of all chunks, one after the other. */
class IdPool {
  ids = new Uint32Array(1 << 16);
  length = 0;

  append(ids: ArrayLike<number>): void {
    while (this.length + ids.length > this.ids.length) {
      const larger = new Uint32Array(this.ids.length * 2);
      larger.set(this.ids);
      this.ids = larger;
    }
    this.ids.set(ids, this.length);
    this.length += ids.length;
  }
}

/**
 * What a text is made of, in order: a chunk of the memo (its number, from 0) or one that the tokenizer is asked for
 * (−1 − its place in `asked`).
 */
type Parts = number[];

/**
 * Remembers what a tokenizer gave for a word. Only for tokenizers that always cut between a printable ASCII character
 * and a space (`cutsBeforeSpaces`): then a text's ids are those of its chunks one after the other, whatever stands
 * beside them. A chunk is a run of spaces with what follows it up to the next such place: a word, mostly.
 */
export class ChunkMemo {
  readonly #encode: Encode;
  readonly #numbers = new Map<string, number>();
  readonly #pool = new IdPool();
  /** Chunk n's ids are those from `#starts[n]` to `#starts[n + 1]` of the pool. */
  readonly #starts: Uint32Array;
  readonly #kept: number;

  /** `kept`: the most chunks that are remembered. */
  constructor(encode: Encode, kept = chunksKept) {
    this.#encode = encode;
    this.#kept = kept;
    this.#starts = new Uint32Array(kept + 1);
  }

  async encode(texts: readonly string[]): Promise<Uint32Array[]> {
    const asked = new Asked();
    const parts = texts.map((text) => this.#partsOf(text, asked));
    const answers = asked.texts.length === 0 ? [] : await this.#encode(asked.texts);
    for (const [chunk, place] of asked.chunks) this.#learn(chunk, answers[place]!);
    return parts.map((list) => this.#join(list, answers));
  }

  #partsOf(text: string, asked: Asked): Parts {
    const parts: Parts = [];
    let unknown = 0;
    let start = 0;
    const full = this.#numbers.size >= this.#kept;
    const mark = asked.mark();
    while (start < text.length) {
      const end = endOfChunk(text, start);
      const chunk = text.slice(start, end);
      const number = end - start <= longestChunk ? this.#numbers.get(chunk) : undefined;
      if (number === undefined) {
        unknown++;
        parts.push(-1 - asked.add(chunk, !full && end - start <= longestChunk));
      } else parts.push(number);
      start = end;
    }
    if (!full || unknown <= parts.length * mostUnknown) return parts;
    asked.forget(mark);
    return [-1 - asked.add(text, false)];
  }

  #learn(chunk: string, ids: ArrayLike<number>): void {
    const number = this.#numbers.size;
    if (number >= this.#kept || this.#numbers.has(chunk)) return;
    this.#pool.append(ids);
    this.#starts[number + 1] = this.#pool.length;
    this.#numbers.set(ownCopy(chunk), number);
  }

  #join(parts: Parts, answers: readonly ArrayLike<number>[]): Uint32Array {
    const starts = this.#starts;
    const pool = this.#pool.ids;
    let length = 0;
    for (const part of parts)
      length += part < 0 ? answers[-1 - part]!.length : starts[part + 1]! - starts[part]!;
    const ids = new Uint32Array(length);
    let at = 0;
    for (const part of parts) {
      if (part < 0) {
        const answer = answers[-1 - part]!;
        ids.set(answer, at);
        at += answer.length;
      } else for (let i = starts[part]!, end = starts[part + 1]!; i < end; i++) ids[at++] = pool[i]!;
    }
    return ids;
  }
}

/** What one call asks the tokenizer for; a chunk that comes twice is asked for once. */
class Asked {
  texts: string[] = [];
  /** Chunks to learn, with their places in `texts`. */
  readonly chunks = new Map<string, number>();

  add(text: string, learn: boolean): number {
    const known = this.chunks.get(text);
    if (known !== undefined) return known;
    const place = this.texts.push(text) - 1;
    if (learn) this.chunks.set(text, place);
    return place;
  }

  mark(): number {
    return this.texts.length;
  }

  /** Takes back what was added since `mark`, of which nothing was to be learned. */
  forget(mark: number): void {
    this.texts.length = mark;
  }
}

/** The next place at which the tokenizer surely cuts: before a space that stands after a printable ASCII character. */
function endOfChunk(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text.charCodeAt(i) !== space) continue;
    const before = text.charCodeAt(i - 1);
    if (before >= firstPrintable && before <= lastPrintable) return i;
  }
  return text.length;
}

/** The same text without the document that it was cut from, which V8 keeps for the sake of a longer slice. */
function ownCopy(chunk: string): string {
  return Buffer.from(chunk, 'utf16le').toString('utf16le');
}
