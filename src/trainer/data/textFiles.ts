import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import zlib from 'node:zlib';
import { BiphaseError } from '../../core/errors.ts';

/** Text whose file is one document; `.gz` of any of them too. */
const plainEndings = ['.txt', '.md', '.rst', '.pod', '.text'];
/** Names without an ending that Debian's documentation folders use for text. */
const plainNames = /^(readme|copyright|changelog|news|authors|faq|howto|todo)/i;
const lineEndings = ['.jsonl', '.jsonl.gz', '.ndjson', '.ndjson.gz'];

/** How a file is read: one document a file, one a JSON line, or not at all. */
export function fileKind(name: string): 'text' | 'lines' | null {
  const lower = name.toLowerCase();
  if (lineEndings.some((ending) => lower.endsWith(ending))) return 'lines';
  const bare = lower.endsWith('.gz') ? lower.slice(0, -3) : lower;
  const ending = path.extname(bare);
  if (plainEndings.includes(ending) || (plainNames.test(bare) && !/\.(html?|pdf|ps|png|js|css)$/.test(bare)))
    return 'text';
  // A compressed file without a telling name is taken as text, as `zless` does; binary content is dropped on reading.
  return ending === '' && lower.endsWith('.gz') ? 'text' : null;
}

/**
 * Files of a corpus below a folder, or the one file that is named; sorted by path, so that every machine reads them
 * in the same order. Links are followed; hidden files and folders are left out.
 * @throws BiphaseError `usage` where there is no such path
 */
export function listTextFiles(source: string): string[] {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(source);
  } catch {
    throw new BiphaseError('usage', `There is no folder or file ${source} to read text from.`);
  }
  if (stat.isFile()) {
    if (!fileKind(path.basename(source)))
      throw new BiphaseError(
        'usage',
        `${source} is not a kind of file that is read: .txt, .md, .jsonl, each also as .gz.`,
      );
    return [source];
  }
  if (!stat.isDirectory())
    throw new BiphaseError('usage', `${source} is neither a folder nor a file; text cannot be read from it.`);
  const found: string[] = [];
  const seen = new Set<string>();
  const walk = (folder: string): void => {
    const real = fs.realpathSync(folder);
    if (seen.has(real)) return;
    seen.add(real);
    for (const name of entriesOf(folder).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
      if (name.startsWith('.')) continue;
      const full = path.join(folder, name);
      const inner = statOf(full);
      if (inner?.isDirectory()) walk(full);
      else if (inner?.isFile() && fileKind(name)) found.push(full);
    }
  };
  walk(source);
  return found;
}

/** Null for a link that leads nowhere. A part of the corpus that may not be read is told, never left out. */
function statOf(file: string): fs.Stats | null {
  try {
    return fs.statSync(file, { throwIfNoEntry: false }) ?? null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ELOOP') return null;
    throw unreadable(file, cause);
  }
}

function entriesOf(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

function unreadable(file: string, cause: unknown): BiphaseError {
  return new BiphaseError('damaged', `${file} could not be read: ${(cause as Error).message}.`, { cause });
}

/** Text that holds a NUL or is mostly not UTF-8 is no text. */
function isText(text: string): boolean {
  const start = text.slice(0, 4096);
  if (start.includes('\0')) return false;
  let broken = 0;
  for (const char of start) if (char === '\ufffd') broken++;
  return broken * 20 <= start.length;
}

function openStream(file: string): NodeJS.ReadableStream {
  const raw = fs.createReadStream(file);
  if (!file.toLowerCase().endsWith('.gz')) return raw;
  const unzipped = raw.pipe(zlib.createGunzip());
  raw.on('error', (error) => unzipped.destroy(error));
  return unzipped;
}

async function* readLines(file: string): AsyncGenerator<string> {
  const lines = readline.createInterface({ input: openStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    let text: unknown;
    try {
      text = (JSON.parse(line) as { text?: unknown }).text;
    } catch {
      throw new BiphaseError('usage', `Line ${number} of ${file} is not JSON.`);
    }
    if (typeof text !== 'string')
      throw new BiphaseError('usage', `Line ${number} of ${file} has no "text" that is a string.`);
    if (text !== '') yield text;
  }
}

async function readText(file: string): Promise<string | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of openStream(file)) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text.trim() !== '' && isText(text) ? text : null;
}

/** The documents of files, in their order: one a text file, one a line of a .jsonl file (its key "text"). */
export async function* readDocuments(files: readonly string[]): AsyncGenerator<string> {
  for (const file of files) {
    try {
      if (fileKind(path.basename(file)) === 'lines') yield* readLines(file);
      else {
        const text = await readText(file);
        if (text !== null) yield text;
      }
    } catch (thrown) {
      throw thrown instanceof BiphaseError ? thrown : unreadable(file, thrown);
    }
  }
}
