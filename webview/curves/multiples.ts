import { html } from '../common/dom.ts';

/** Height of a small chart with its heading, and what lies between two; as curves.css has them. CSS pixels. */
export const multipleHeight = 168;
const gap = 16;
const columnGap = 20;
const narrowestColumn = 220;
const mostColumns = 6;
/** Rows beyond the edge of the window that are there as well. */
const margin = 1;

/** Which of many small charts are in view. */
export interface GridWindow {
  columns: number;
  /** Indices of the charts, the last one not included. */
  from: number;
  to: number;
  /** Rows above and below that are not there. */
  rowsBefore: number;
  rowsAfter: number;
}

/** `top`: how far the grid's first row is above the window's upper edge; all in CSS pixels. */
export function windowOf(count: number, width: number, top: number, height: number): GridWindow {
  const fitting = Math.floor((width + columnGap) / (narrowestColumn + columnGap));
  const columns = Math.min(mostColumns, Math.max(1, fitting));
  const rows = Math.ceil(count / columns);
  const pitch = multipleHeight + gap;
  const first = Math.min(Math.max(0, Math.floor(top / pitch) - margin), Math.max(0, rows - 1));
  const last = Math.min(rows, Math.max(first + 1, Math.ceil((top + height) / pitch) + margin));
  return {
    columns,
    from: first * columns,
    to: Math.min(count, last * columns),
    rowsBefore: first,
    rowsAfter: rows - last,
  };
}

/** The room that charts out of view take. */
export class GridSpacers {
  readonly before = html('div', { class: 'grid-spacer', attributes: { hidden: true } });
  readonly after = html('div', { class: 'grid-spacer', attributes: { hidden: true } });

  /** Null: every chart is there. */
  show(window: GridWindow | null, grid: HTMLElement): void {
    grid.classList.toggle('multiples', window !== null);
    grid.style.gridTemplateColumns = window ? `repeat(${window.columns}, minmax(0, 1fr))` : '';
    const set = (spacer: HTMLElement, rows: number): void => {
      spacer.hidden = rows === 0;
      spacer.style.height = `${rows * (multipleHeight + gap) - gap}px`;
    };
    set(this.before, window?.rowsBefore ?? 0);
    set(this.after, window?.rowsAfter ?? 0);
  }
}
