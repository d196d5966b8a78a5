import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { nativeTokenizers } from './nativeTokenizers.ts';

/** Changes when the same corpus would give another tokenizer. */
export const tokenizerTrainingVersion = 2;
export const trainedSpecials = ['<|begin_of_text|>', '<|end_of_text|>', '<|mask|>'] as const;

/** The library's trainer stops here and offers no setting. */
const libraryVocabSize = 30_000;
/** Characters that the merges are counted on: documents are taken evenly until they are reached. */
const sampleCharacters = 1_500_000;
/** Characters that are read at most: the beginning of a corpus is a sample of all of it. */
const mostCharacters = 64_000_000;
/** A document longer than this gives its beginning only. */
const longestPart = 100_000;

/** Words as Llama 3 cuts them: contractions, letters with one leading sign, up to three digits, signs, line ends. */
const splitPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The library's function for a split takes its pattern as plain text; only a description can hold a regular expression. */
const untrained = {
  version: '1.0',
  added_tokens: [],
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: splitPattern }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  model: { type: 'BPE', vocab: {}, merges: [] },
};

interface TrainedJson {
  version: string;
  pre_tokenizer: unknown;
  model: { vocab: Record<string, number>; merges: [string, string][] } & Record<string, unknown>;
}

/** The 256 characters that stand for bytes, in the order of GPT-2's table. */
function byteAlphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/**
 * Cuts what the library learned to `vocabSize` ids. Merges are learned best first, so the first ones are exactly what
 * a smaller vocabulary would have learned; every byte is in it, so that any text can be encoded.
 */
function shape(trained: TrainedJson, vocabSize: number): object {
  const alphabet = byteAlphabet();
  const tokens = [...alphabet];
  const known = new Set(tokens);
  const merges: [string, string][] = [];
  for (const [left, right] of trained.model.merges) {
    if (tokens.length + trainedSpecials.length >= vocabSize) break;
    merges.push([left, right]);
    const joined = left + right;
    if (!known.has(joined)) {
      known.add(joined);
      tokens.push(joined);
    }
  }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: trained.version,
    truncation: null,
    padding: null,
    added_tokens: trainedSpecials.map((content, index) => ({ id: tokens.length + index, content, ...flags })),
    normalizer: null,
    pre_tokenizer: trained.pre_tokenizer,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...trained.model,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/**
 * Byte-level BPE of at most `vocabSize` ids (fewer where the corpus has no more words), as tokenizer.json.
 * @param documents are read once; the sample that the library reads goes through a temporary file
 * @throws BiphaseError `usage` for an empty corpus or a vocabulary that the library cannot learn
 */
export async function trainTokenizer(
  documents: AsyncIterable<string> | Iterable<string>,
  vocabSize: number,
  tick: () => Promise<void> = async () => {},
): Promise<string> {
  if (vocabSize > libraryVocabSize - 256)
    throw new BiphaseError(
      'usage',
      `A vocabulary of ${vocabSize} cannot be trained here: the most is ${libraryVocabSize - 256}. Give a tokenizer.json.`,
    );
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-tokenizer-'));
  try {
    const sample = path.join(folder, 'sample.txt');
    const file = fs.openSync(sample, 'w');
    let characters = 0;
    let read = 0;
    let stride = 1;
    let index = 0;
    for await (const text of documents) {
      if (read > mostCharacters) break;
      read += text.length;
      // The further into the corpus, the fewer documents are taken, so that the sample reaches to its end.
      if (index++ % stride !== 0) continue;
      const part = text.slice(0, longestPart);
      fs.writeSync(file, `${part}\n`);
      characters += part.length;
      if (characters > sampleCharacters * (1 + Math.log2(stride) / 4)) stride *= 2;
      await tick();
    }
    fs.closeSync(file);
    if (read === 0) throw new BiphaseError('usage', 'The corpus is empty: no document has text.');
    const tokenizer = nativeTokenizers().Tokenizer.fromString(JSON.stringify(untrained));
    tokenizer.train([sample]);
    const learned = path.join(folder, 'tokenizer.json');
    tokenizer.save(learned, false);
    const trained = JSON.parse(fs.readFileSync(learned, 'utf8')) as TrainedJson;
    return `${JSON.stringify(shape(trained, vocabSize))}\n`;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
