import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const wanted = /\.(txt|md|pod|rst)(\.gz)?$|^(readme|news|faq|howto)[^/]*$/i;
// Licences and change logs repeat themselves; the rest is not text.
const unwanted =
  /changelog|copyright|licen[cs]e|copying|authors|\.(html?|pdf|ps|png|js|css|tar|tgz)(\.gz)?$/i;
const longestDocument = 100_000;
const shortestDocument = 500;
const commonWords = /\b(the|of|to|and|is|in|for|that|with|are|this|be)\b/gi;

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name) && !unwanted.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

function isProse(paragraph: string): boolean {
  const letters = paragraph.match(/[A-Za-z ]/g)?.length ?? 0;
  const ascii = paragraph.match(/[\x20-\x7e]/g)?.length ?? 0;
  return (
    paragraph.length >= 60 &&
    ascii >= 0.99 * paragraph.length &&
    letters >= 0.85 * paragraph.length &&
    (paragraph.match(commonWords)?.length ?? 0) >= 2
  );
}

/** Paragraphs of English; one that was seen before, in whatever document, is left out. */
function prose(text: string, seen: Set<string>): string {
  const kept: string[] = [];
  for (const part of text.split(/\r?\n[ \t]*\r?\n/)) {
    const paragraph = part.replace(/\s+/g, ' ').trim();
    if (!isProse(paragraph)) continue;
    const hash = createHash('sha256').update(paragraph).digest('base64');
    if (seen.has(hash)) continue;
    seen.add(hash);
    kept.push(paragraph);
  }
  return `${kept.join('\n').slice(0, longestDocument)}\n`;
}

/** Writes the prose of a documentation folder into `target`, a new folder, one document a file; the same on every call. */
export function gatherProse(
  source: string,
  target: string,
): { files: number; documents: number; bytes: number } {
  fs.mkdirSync(target);
  const seen = new Set<string>();
  const files = filesBelow(source);
  let documents = 0;
  let bytes = 0;
  for (const file of files) {
    const raw = fs.readFileSync(file);
    const text = prose((file.endsWith('.gz') ? zlib.gunzipSync(raw) : raw).toString('utf8'), seen);
    if (text.length < shortestDocument) continue;
    documents++;
    bytes += Buffer.byteLength(text);
    fs.writeFileSync(path.join(target, `${String(documents).padStart(5, '0')}.txt`), text);
  }
  return { files: files.length, documents, bytes };
}
