import { html } from '../common/dom.ts';
import {
  type Gaps,
  headRow,
  heights,
  type Item,
  sectionRow,
  spacerRow,
  type TableScene,
  valueRow,
} from './tableRows.ts';
import { type VisibleWindow, windowOf, windowOfEqual } from './visibleWindow.ts';

export interface TableEvents {
  pin: (column: string) => void;
  remove: (column: string) => void;
  sortBy: (row: string) => void;
  /** A cell has the keys: what is said of it. */
  entered: (text: string) => void;
  /** Positions of the columns in view. */
  viewed: (from: number, to: number) => void;
}

const extraColumns = 2;
const extraRows = 6;

/**
 * A real table of any size: only the cells in view and a few around them exist. Row heads and the baseline stay at the
 * left edge. One cell at a time takes the keys (the grid pattern of WAI-ARIA).
 */
export class TableView {
  readonly element: HTMLElement;
  readonly #table: HTMLTableElement;
  readonly #widths = html('colgroup');
  readonly #head = html('thead');
  readonly #body = html('tbody');
  readonly #events: TableEvents;
  #scene: TableScene | undefined;
  #items: Item[] = [];
  #ends: number[] = [];
  #drawn = '';
  /** Row 0 is the head, column 0 the row heads. */
  #active = { row: 0, column: 1 };
  #frame: number | undefined;

  constructor(events: TableEvents) {
    this.#events = events;
    this.#table = html('table', {
      class: 'comparison numbers',
      attributes: { role: 'grid', 'aria-label': 'Comparison' },
      children: [this.#widths, this.#head, this.#body],
    });
    this.element = html('div', { class: 'table-scroller', children: [this.#table] });
    this.element.addEventListener('scroll', () => this.#drawLater(), { passive: true });
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('click', (event) => this.#clicked(event));
    new ResizeObserver(() => this.#drawLater()).observe(this.element);
  }

  show(scene: TableScene): void {
    this.#scene = scene;
    this.#items = [];
    this.#ends = [];
    let section = '';
    let end = 0;
    const add = (item: Item, height: number): void => {
      end += height;
      this.#items.push(item);
      this.#ends.push(end);
    };
    for (const row of scene.rows) {
      if (scene.sections && row.section !== section)
        add({ kind: 'section', text: row.section, reason: row.reason }, heights.section);
      section = row.section;
      add({ kind: 'row', row }, heights.row[row.lines]);
    }
    this.#drawn = '';
    this.#draw();
  }

  #drawLater(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  /** Narrow panels get narrow columns; intervals need room. */
  #sizes(): { head: number; column: number } {
    const narrow = this.element.clientWidth < 620;
    const column = this.#scene?.wide ? 272 : 196;
    return narrow ? { head: 150, column: Math.min(column, 244) } : { head: 236, column };
  }

  #columnWindow(scene: TableScene, head: number, column: number): VisibleWindow {
    const fixed = scene.pinned ? 1 : 0;
    const room = this.element.clientWidth - head - fixed * column;
    return windowOfEqual(
      scene.columns.length - fixed,
      column,
      this.element.scrollLeft,
      Math.max(column, room),
      extraColumns,
    );
  }

  #draw(): void {
    const scene = this.#scene;
    if (!scene || scene.columns.length === 0) return;
    const { head, column } = this.#sizes();
    const fixed = scene.pinned ? 1 : 0;
    const across = this.#columnWindow(scene, head, column);
    const down = windowOf(this.#ends, this.element.scrollTop, this.element.clientHeight, extraRows);
    const key = JSON.stringify([head, across, down]);
    this.#tellView(scene, head, column);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const focused = this.element.contains(document.activeElement);
    const { style } = this.#table;
    style.width = `${head + scene.columns.length * column}px`;
    style.setProperty('--head-width', `${head}px`);
    const shown = [
      ...(fixed ? [0] : []),
      ...Array.from({ length: across.to - across.from }, (_, i) => fixed + across.from + i),
    ];
    const gaps: Gaps = [across.before, across.behind];
    this.#widths.replaceChildren(
      ...[
        head,
        ...(fixed ? [column] : []),
        ...(gaps[0] > 0 ? [gaps[0]] : []),
        ...Array.from({ length: across.to - across.from }, () => column),
        ...(gaps[1] > 0 ? [gaps[1]] : []),
      ].map((width) => {
        const col = html('col');
        col.style.width = `${width}px`;
        return col;
      }),
    );
    this.#table.setAttribute('aria-colcount', String(scene.columns.length + 1));
    this.#table.setAttribute('aria-rowcount', String(this.#items.length + 1));
    this.#head.replaceChildren(headRow(scene, shown, gaps));
    const rows: HTMLElement[] = [];
    if (down.before > 0) rows.push(spacerRow(down.before));
    for (let i = down.from; i < down.to; i++) {
      const item = this.#items[i]!;
      rows.push(
        item.kind === 'section'
          ? sectionRow(item, i, shown, gaps)
          : valueRow(item.row, i, scene, shown, gaps),
      );
    }
    if (down.behind > 0) rows.push(spacerRow(down.behind));
    this.#body.replaceChildren(...rows);
    this.#placeKeys(focused);
  }

  #tellView(scene: TableScene, head: number, column: number): void {
    const at = this.element.scrollLeft / column;
    const room = (this.element.clientWidth - head) / column;
    this.#events.viewed(
      Math.floor(at) + (scene.pinned ? 1 : 0),
      Math.min(scene.columns.length, Math.ceil(at + room)),
    );
  }

  /** One element is in the tab order: the active cell, or the scroller while that is out of view. */
  #placeKeys(focus: boolean): void {
    const { columns } = this.#scene!;
    this.#active = {
      row: Math.min(this.#active.row, this.#items.length),
      column: Math.min(this.#active.column, columns.length),
    };
    const cell = this.#cell();
    this.element.tabIndex = cell ? -1 : 0;
    if (cell) cell.tabIndex = 0;
    if (focus) (cell ?? this.element).focus({ preventScroll: true });
  }

  /** A section has one cell over all columns. */
  #cell(): HTMLElement | null {
    const { row, column } = this.#active;
    const at = this.#items[row - 1]?.kind === 'section' ? 0 : column;
    return this.#table.querySelector(`[data-row="${row}"][data-column="${at}"]`);
  }

  #key(event: KeyboardEvent): void {
    const scene = this.#scene;
    if (!scene || event.altKey || event.metaKey) return;
    const last = { row: this.#items.length, column: scene.columns.length };
    const page = Math.max(1, Math.floor(this.element.clientHeight / heights.row[2]) - 2);
    const { row, column } = this.#active;
    const whole = event.ctrlKey;
    const to: Record<string, [number, number]> = {
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      PageUp: [row - page, column],
      PageDown: [row + page, column],
      Home: [whole ? 0 : row, 0],
      End: [whole ? last.row : row, last.column],
    };
    const target = to[event.key];
    if (target) {
      this.#moveTo(Math.max(0, Math.min(last.row, target[0])), Math.max(0, Math.min(last.column, target[1])));
      event.preventDefault();
    } else if (event.key === 'Enter' || (event.key.toLowerCase() === 'b' && !whole)) {
      this.#press(event.key !== 'Enter');
      event.preventDefault();
    } else if (event.key === 'Delete' && column > 0) {
      this.#events.remove(scene.columns[column - 1]!.key);
      event.preventDefault();
    }
  }

  /** On a column: pins it. On a row's head: sorts by it. */
  #press(pinOnly: boolean): void {
    const { row, column } = this.#active;
    const item = this.#items[row - 1];
    if (column > 0 && (pinOnly || row === 0)) this.#events.pin(this.#scene!.columns[column - 1]!.key);
    else if (column === 0 && item?.kind === 'row') this.#events.sortBy(item.row.key);
  }

  #moveTo(row: number, column: number): void {
    this.#active = { row, column };
    const { head, column: width } = this.#sizes();
    const fixed = this.#scene!.pinned ? 1 : 0;
    if (column > fixed) {
      const left = (column - 1 - fixed) * width;
      const room = this.element.clientWidth - head - fixed * width;
      if (left < this.element.scrollLeft) this.element.scrollLeft = left;
      else if (left + width > this.element.scrollLeft + room) this.element.scrollLeft = left + width - room;
    }
    if (row > 0) {
      const bottom = this.#ends[row - 1]!;
      const top = row > 1 ? this.#ends[row - 2]! : 0;
      const room = this.element.clientHeight - this.#head.offsetHeight;
      if (top < this.element.scrollTop) this.element.scrollTop = top;
      else if (bottom > this.element.scrollTop + room) this.element.scrollTop = bottom - room;
    } else this.element.scrollTop = 0;
    this.#draw();
    for (const cell of this.#table.querySelectorAll<HTMLElement>('[tabindex="0"]')) cell.tabIndex = -1;
    this.#placeKeys(true);
    this.#events.entered(this.#spoken());
  }

  #spoken(): string {
    const { row, column } = this.#active;
    const head = this.#scene!.columns[column - 1];
    const item = this.#items[row - 1];
    if (!item) return head?.about.replaceAll('\n', ', ') ?? '';
    if (item.kind === 'section') return item.text;
    if (!head) return item.row.about ?? item.row.label;
    const cell = item.row.cell(head.index);
    return `${item.row.label} · ${head.name}: ${cell.full?.() ?? [cell.text, ...(cell.more ? [cell.more] : [])].join(' · ')}`;
  }

  #clicked(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const cell = target?.closest<HTMLElement>('[data-column]');
    if (!cell) return;
    const row = Number(cell.dataset.row);
    const column = Number(cell.dataset.column);
    const key = this.#scene?.columns[column - 1]?.key;
    const action = target?.closest<HTMLElement>('[data-action]')?.dataset.action;
    if (action && key !== undefined) {
      if (action === 'pin') this.#events.pin(key);
      else this.#events.remove(key);
      return;
    }
    this.#moveTo(row, column);
    if (column === 0 && row > 0) this.#press(false);
  }
}
