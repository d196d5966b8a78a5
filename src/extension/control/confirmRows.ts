import type { Prompt } from '../../protocol/controlApi.ts';
import { plainLabel } from '../plainLabel.ts';

/** A row of a question. */
export interface ConfirmRow {
  label: string;
  detail?: string;
  /** null: no; undefined: the row only says something. */
  answer?: string | null;
}

/** What fits into a row of a pick. */
const rowLength = 72;

/**
 * A yes/no question: what stands above it, and its rows. Of a detail of several lines the first stands above, and the
 * others are whole in rows of their own: a person who agrees to a command has seen all of it.
 */
export function confirmRows(prompt: Extract<Prompt, { kind: 'confirm' }>): {
  above: string;
  rows: ConfirmRow[];
} {
  const [above = '', ...lines] = prompt.detail.split('\n');
  const yes: ConfirmRow = { label: plainLabel(prompt.yes), answer: 'yes' };
  return {
    above,
    rows: [
      lines.length === 0 ? { ...yes, detail: plainLabel(above) } : yes,
      { label: 'No', answer: null },
      ...lines.flatMap(pieces).map((piece) => ({ label: plainLabel(piece) })),
    ],
  };
}

function pieces(line: string): string[] {
  const characters = [...line];
  const rows = Math.max(1, Math.ceil(characters.length / rowLength));
  return Array.from({ length: rows }, (_, row) =>
    characters.slice(row * rowLength, (row + 1) * rowLength).join(''),
  );
}
