import { BiphaseError } from '../errors.ts';

/** A row that is longer is none: a quote that is never closed must not gather the whole file. */
const longestRow = 1 << 22;

/** Takes a CSV file (RFC 4180; also with LF alone) apart as its text comes. */
export class CsvReader {
  readonly #separator: string;
  #rest = '';
  #rows = 0;

  constructor(separator: string) {
    this.#separator = separator;
  }

  /** Rows that are whole by now; blank lines are left out. @throws BiphaseError `damaged` where a row never ends */
  push(text: string): string[][] {
    return this.#take(this.#rest + text, false);
  }

  /** The last row, where the file does not end with a line break. */
  end(): string[][] {
    return this.#take(this.#rest, true);
  }

  #take(text: string, ended: boolean): string[][] {
    const rows: string[][] = [];
    let at = 0;
    while (at < text.length) {
      const row = this.#row(text, at, ended);
      if (!row) break;
      at = row.next;
      if (row.cells.length === 1 && row.cells[0]!.trim() === '') continue;
      rows.push(row.cells);
    }
    this.#rows += rows.length;
    this.#rest = text.slice(at);
    if (this.#rest.length > longestRow)
      throw new BiphaseError('damaged', `Row ${this.#rows + 1} does not end: a quote may be missing.`);
    return rows;
  }

  #row(text: string, from: number, ended: boolean): { cells: string[]; next: number } | undefined {
    const newline = text.indexOf('\n', from);
    if (newline < 0 && !ended) return undefined;
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(from, text[end - 1] === '\r' && end > from ? end - 1 : end);
    if (!line.includes('"')) return { cells: line.split(this.#separator), next: end + 1 };
    return this.#quotedRow(text, from, ended);
  }

  #quotedRow(text: string, from: number, ended: boolean): { cells: string[]; next: number } | undefined {
    const cells: string[] = [];
    for (let at = from; ; ) {
      let cell = '';
      if (text[at] === '"') {
        const quoted = this.#quoted(text, at, ended);
        if (!quoted) return undefined;
        cell = quoted.text;
        at = quoted.next;
      }
      // What stands behind a closing quote is kept as it is.
      const start = at;
      while (at < text.length && text[at] !== this.#separator && text[at] !== '\n') at++;
      if (at === text.length && !ended) return undefined;
      const last = text[at] !== this.#separator;
      cell += text.slice(start, last && text[at - 1] === '\r' && at > start ? at - 1 : at);
      cells.push(cell);
      at++;
      if (last) return { cells, next: at };
    }
  }

  #quoted(text: string, from: number, ended: boolean): { text: string; next: number } | undefined {
    let at = from + 1;
    for (;;) {
      const quote = text.indexOf('"', at);
      // At the end of what is here the next character decides whether it closes.
      if (quote < 0 || (quote === text.length - 1 && !ended)) {
        if (quote < 0 && ended)
          return { text: text.slice(from + 1).replaceAll('""', '"'), next: text.length };
        return undefined;
      }
      if (text[quote + 1] === '"') at = quote + 2;
      else return { text: text.slice(from + 1, quote).replaceAll('""', '"'), next: quote + 1 };
    }
  }
}

/** What stands between the cells of a header line: the most frequent of comma, semicolon and tab outside quotes. */
export function separatorOf(text: string): string {
  const header = text.replaceAll(/"[^"]*"/g, '').split('\n', 1)[0]!;
  const counts = [',', ';', '\t'].map((separator) => ({ separator, count: header.split(separator).length }));
  return counts.reduce((best, one) => (one.count > best.count ? one : best)).separator;
}

/** A cell as a table holds it: quoted where it has to be. */
export function csvCell(text: string): string {
  return /[",\r\n;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
