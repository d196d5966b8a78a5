import type { DocumentFile } from './documents.ts';
import { fileBytes, readingFailed } from './fileBytes.ts';

/** Up to here a text file is one document. */
const largestWhole = 1 << 24;
/** A larger one is read as documents of about this many characters, cut where a paragraph, a line or a word ends. */
const partCharacters = 1 << 20;

/** Text that holds a NUL or is mostly not UTF-8 is no text. */
function isText(text: string): boolean {
  const start = text.slice(0, 4096);
  if (start.includes('\0')) return false;
  let broken = 0;
  for (const char of start) if (char === '\ufffd') broken++;
  return broken * 20 <= start.length;
}

function cutPlace(text: string): number {
  const window = text.slice(0, partCharacters);
  for (const end of ['\n\n', '\n', ' ']) {
    const at = window.lastIndexOf(end);
    if (at > partCharacters / 2) return at + end.length;
  }
  return partCharacters;
}

/** The text of one file: whole where it is small, else in parts. */
async function* textParts(file: string, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let held = '';
  let large = false;
  let first = true;
  for await (const chunk of fileBytes(file, signal)) {
    held += decoder.decode(chunk, { stream: true });
    if (first && !isText(held)) return;
    first = false;
    large ||= held.length > largestWhole;
    while (large && held.length > 2 * partCharacters) {
      const at = cutPlace(held);
      yield held.slice(0, at);
      held = held.slice(at);
    }
  }
  yield held + decoder.decode();
}

/** A text file is one document, or several where it is larger than 16 million characters. Binary files are none. */
export function textDocuments(file: string): DocumentFile {
  return {
    label: file,
    async *documents(from, signal) {
      let item = 0;
      try {
        for await (const text of textParts(file, signal)) {
          if (item >= from && text.trim() !== '') yield [{ text, item }];
          item++;
        }
      } catch (cause) {
        readingFailed(file, cause, signal);
      }
    },
  };
}
