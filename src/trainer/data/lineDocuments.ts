import { BiphaseError } from '../../core/errors.ts';
import type { DocumentFile, FileDocument } from './documents.ts';
import { fileBytes, readingFailed } from './fileBytes.ts';

/** A longer line is no document: it would not fit a string. */
const longestLine = 1 << 28;
const newline = 0x0a;

/** Whole lines without their ends, those of one chunk at a time. The last may lack its newline. */
async function* lineChunks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of chunks) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const rest = chunk.subarray(start, end);
      lines.push(begun.length === 0 ? rest : Buffer.concat([...begun, rest]));
      begun = [];
      begunBytes = 0;
      start = end + 1;
    }
    if (lines.length > 0) yield lines;
    if (start < chunk.length) {
      begun.push(chunk.subarray(start));
      begunBytes += chunk.length - start;
      if (begunBytes > longestLine) throw new Error(`a line is longer than ${longestLine} bytes`);
    }
  }
  if (begun.length > 0) yield [Buffer.concat(begun)];
}

function documentOf(line: string, where: () => string, column: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new BiphaseError('usage', `${where()} is not JSON.`);
  }
  const text = (value as Record<string, unknown> | null)?.[column];
  if (typeof text !== 'string')
    throw new BiphaseError('usage', `${where()} has no "${column}" that is a string.`, {
      next: 'Name the key that holds the text as data.column.',
    });
  return text;
}

/** One document a JSON line: its key `column`. */
export function lineDocuments(file: string, column: string): DocumentFile {
  return {
    label: file,
    async *documents(from, signal) {
      let number = 0;
      try {
        for await (const lines of lineChunks(fileBytes(file, signal))) {
          const found: FileDocument[] = [];
          for (const bytes of lines) {
            const item = number++;
            if (item < from) continue;
            const line = bytes.toString('utf8').replace(/^\ufeff/, '');
            if (line.trim() === '') continue;
            const text = documentOf(line, () => `Line ${number} of ${file}`, column);
            if (text !== '') found.push({ text, item });
          }
          if (found.length > 0) yield found;
        }
      } catch (cause) {
        readingFailed(number === 0 ? file : `${file}, after line ${number},`, cause, signal);
      }
    },
  };
}
