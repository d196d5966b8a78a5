import { type FileMetaData, type ParquetParsers, parquetMetadataAsync, type SchemaTree } from 'hyparquet';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getSchemaPath, isFlatColumn } from 'hyparquet/src/schema.js';
import { BiphaseError } from '../../core/errors.ts';
import { type ByteRanges, readAhead } from './byteRanges.ts';
import type { DocumentFile, FileDocument } from './documents.ts';
import { readingFailed } from './fileBytes.ts';
import { type ColumnDecoder, PageReader } from './parquetPages.ts';

/** Bytes of a column that are asked for at once. */
const sliceBytes = 1 << 23;
/** Part of a row group's column: from the file's byte `start` to `end`. */
interface Slice {
  start: number;
  end: number;
  group: number;
  lastOfGroup: boolean;
}

interface OpenParquet {
  metadata: FileMetaData;
  /** Index of the text among a row group's columns. */
  column: number;
  decoder: Omit<ColumnDecoder, 'codec'>;
  /** Row at which each group begins, and where the last one ends. */
  groupStarts: number[];
}

/** Names of the columns of strings, for messages. */
function textColumns(root: SchemaTree): string[] {
  const flat = root.children.filter((child) => isFlatColumn([root, child]));
  return flat.filter(({ element }) => element.type === 'BYTE_ARRAY').map(({ element }) => element.name);
}

async function openParquet(source: ByteRanges, column: string, signal: AbortSignal): Promise<OpenParquet> {
  const byteLength = await source.size(signal);
  if (byteLength < 12) throw new Error('it is too short for a parquet file');
  const file = { byteLength, slice: (start: number, end = byteLength) => source.read(start, end, signal) };
  const metadata = await parquetMetadataAsync(file, { geoparquet: false });
  const [root] = getSchemaPath(metadata.schema, []);
  const found = root.children.find(({ element }) => element.name === column);
  if (found?.element.type !== 'BYTE_ARRAY' || !isFlatColumn([root, found])) {
    const others = textColumns(root);
    throw new BiphaseError(
      'usage',
      `${source.label} has no text column "${column}"${others.length > 0 ? `, but ${others.map((name) => `"${name}"`).join(', ')}` : ''}.`,
      { next: 'Name the column that holds the text as data.column.' },
    );
  }
  const groupStarts = [0];
  for (const group of metadata.row_groups)
    groupStarts.push(groupStarts[groupStarts.length - 1] + Number(group.num_rows));
  const index = metadata.row_groups[0]?.columns.findIndex(
    (c) => c.meta_data?.path_in_schema.join('.') === column,
  );
  return {
    metadata,
    column: index ?? 0,
    groupStarts,
    decoder: {
      pathInSchema: [column],
      type: found.element.type,
      element: found.element,
      schemaPath: [root, found],
      parsers: DEFAULT_PARSERS as ParquetParsers,
    },
  };
}

/** Slices of the text column from the group on that holds row `from`. */
function slicesOf(open: OpenParquet, from: number, fileSize: number): Slice[] {
  const slices: Slice[] = [];
  open.metadata.row_groups.forEach(({ columns }, group) => {
    if (open.groupStarts[group + 1] <= from) return;
    const meta = columns[open.column]?.meta_data;
    if (!meta) throw new Error(`row group ${group} has no description of its text`);
    // Some writers leave the dictionary's offset at 0.
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const end = start + Number(meta.total_compressed_size);
    if (!(start >= 4 && end > start && end <= fileSize))
      throw new Error(`row group ${group} lies outside the file`);
    for (let at = start; at < end; at += sliceBytes) {
      const last = at + sliceBytes >= end;
      slices.push({ start: at, end: last ? end : at + sliceBytes, group, lastOfGroup: last });
    }
  });
  return slices;
}

/** One document a row: its column `column`. Rows without text are left out. */
export function parquetDocuments(source: ByteRanges, column: string): DocumentFile {
  return {
    label: source.label,
    async *documents(from, signal) {
      let where = source.label;
      try {
        const open = await openParquet(source, column, signal);
        const slices = slicesOf(open, from, await source.size(signal));
        let pages: PageReader | undefined;
        where = `Row group ${slices[0]?.group ?? 0} of ${source.label}`;
        for await (const { range, bytes } of readAhead(source, slices, signal)) {
          const { group, lastOfGroup } = range;
          where = `Row group ${group} of ${source.label}`;
          const codec =
            open.metadata.row_groups[group].columns[open.column].meta_data?.codec ?? 'UNCOMPRESSED';
          const first = open.groupStarts[group];
          const rows = open.groupStarts[group + 1] - first;
          pages ??= new PageReader({ ...open.decoder, codec }, rows);
          for (const { row, values } of pages.push(bytes, lastOfGroup)) {
            const found: FileDocument[] = [];
            for (let i = 0; i < values.length; i++) {
              const item = first + row + i;
              const text: unknown = values[i];
              if (typeof text === 'string' && text !== '' && item >= from) found.push({ text, item });
            }
            if (found.length > 0) yield found;
          }
          if (!lastOfGroup) continue;
          if (pages.rows !== rows) throw new Error(`it holds ${pages.rows} rows, not the ${rows} it claims`);
          pages = undefined;
        }
      } catch (cause) {
        readingFailed(where, cause, signal);
      }
    },
  };
}
