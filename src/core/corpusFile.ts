/** How a file's documents are found: one a file, one a JSON line, one a row. */
export type FileKind = 'text' | 'lines' | 'parquet';

const plainEndings = ['.txt', '.md', '.rst', '.pod', '.text'];
/** Names without an ending that Debian's documentation folders use for text. */
const plainNames = /^(readme|copyright|changelog|news|authors|faq|howto|todo)/i;
const binaryEndings = /\.(html?|pdf|ps|png|js|css)$/;
/** What a refused file is told of. */
export const readableEndings = '.parquet, .jsonl, .ndjson, .txt or .md, all but parquet also as .gz or .zst';

/** How a file of a corpus is read, by its name; null: not at all. */
export function fileKind(name: string): FileKind | null {
  const lower = name.toLowerCase();
  if (lower.endsWith('.parquet')) return 'parquet';
  const bare = lower.replace(/\.(gz|zst)$/, '');
  const dot = bare.lastIndexOf('.');
  const ending = dot > 0 ? bare.slice(dot) : '';
  if (ending === '.jsonl' || ending === '.ndjson') return 'lines';
  if (plainEndings.includes(ending) || (plainNames.test(bare) && !binaryEndings.test(bare))) return 'text';
  // A compressed file without a telling name is taken as text, as `zless` does; binary content is dropped on reading.
  return ending === '' && lower !== bare ? 'text' : null;
}
