/** What is asked of a tokenizer.json here. */
export interface CutDescription {
  added_tokens?: { content: string; rstrip?: boolean }[];
  normalizer?: { type: string } | null;
  pre_tokenizer?: PreTokenizer | null;
  model: { type?: string; dropout?: number | null };
}

interface PreTokenizer {
  type: string;
  use_regex?: boolean;
  pretokenizers?: PreTokenizer[];
  pattern?: { Regex?: string; String?: string };
  behavior?: string;
  invert?: boolean;
}

/**
 * Patterns of widespread families, each of whose alternatives ends a piece between a character that is no white space
 * and a space: GPT-2, Llama 3 (EuroBERT's as well) and Qwen 2.
 */
const patterns = new Set([
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
]);

function isByteLevel(step: PreTokenizer, useRegex: boolean): boolean {
  return step.type === 'ByteLevel' && (step.use_regex ?? true) === useRegex;
}

function isKnownSplit(step: PreTokenizer): boolean {
  return (
    step.type === 'Split' &&
    patterns.has(step.pattern?.Regex ?? '') &&
    step.behavior === 'Isolated' &&
    step.invert !== true
  );
}

function cutsPieces(step: PreTokenizer | null | undefined): boolean {
  if (!step) return false;
  if (isByteLevel(step, true)) return true;
  const [split, bytes, ...rest] = step.pretokenizers ?? [];
  return (
    step.type === 'Sequence' &&
    split !== undefined &&
    bytes !== undefined &&
    rest.length === 0 &&
    isKnownSplit(split) &&
    isByteLevel(bytes, false)
  );
}

/**
 * Whether a tokenizer gives, for every text, the ids of the parts before and after each space that follows a printable
 * ASCII character. True only where it is known: byte-level BPE with a pattern whose pieces never reach over such a
 * place, no normalizer that looks beyond a character's marks, and no added token that lies across it or takes the white
 * space behind it.
 */
export function cutsBeforeSpaces(json: CutDescription): boolean {
  const { normalizer, model } = json;
  if (model.type !== 'BPE' || (model.dropout ?? 0) > 0) return false;
  if (normalizer && normalizer.type !== 'NFC') return false;
  if ((json.added_tokens ?? []).some((token) => token.rstrip === true || /[!-~] /.test(token.content)))
    return false;
  return cutsPieces(json.pre_tokenizer);
}
