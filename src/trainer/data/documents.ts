/** Where the next document is: a file by its number in reading order, and a document by its number in the file. */
export interface Place {
  file: number;
  item: number;
}

export const firstPlace: Place = { file: 0, item: 0 };

/** A document's text and its number among the items of its file; empty texts are left out, their numbers not used. */
export interface FileDocument {
  text: string;
  item: number;
}

/** One file of a corpus: its documents from an item on, some at a time, so that none of it is held whole. */
export interface DocumentFile {
  /** For messages. */
  label: string;
  /** @throws BiphaseError one sentence with the file and the line or rows */
  documents(from: number, signal: AbortSignal): AsyncIterable<FileDocument[]> | Iterable<FileDocument[]>;
}

/** A document and where it lies. */
export interface PlacedDocument {
  text: string;
  place: Place;
}

/** The documents of files from a place on, one file after the other. */
export async function* documentsOf(
  files: readonly DocumentFile[],
  from: Place,
  signal: AbortSignal,
): AsyncGenerator<PlacedDocument[]> {
  for (let file = from.file; file < files.length; file++) {
    const items = files[file].documents(file === from.file ? from.item : 0, signal);
    for await (const found of items) yield found.map(({ text, item }) => ({ text, place: { file, item } }));
  }
}

/** Only the texts. */
export async function* textsOf(documents: AsyncIterable<PlacedDocument[]>): AsyncGenerator<string> {
  for await (const some of documents) for (const { text } of some) yield text;
}
