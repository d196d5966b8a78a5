import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const longestLine = 4096;

/** Gives each line of a program's output that says something, cut where it is very long. */
export function readLines(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop()!.slice(-longestLine);
    for (const line of lines) if (line.trim() !== '') take(line.trimEnd().slice(0, longestLine));
  });
}
