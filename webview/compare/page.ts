import { printable } from '../../src/core/printable.ts';
import { bytesPerPoint } from '../../src/core/seriesBytes.ts';
import {
  type CompareRun,
  type CompareState,
  fromComparePage,
  type ToComparePage,
  toComparePage,
} from '../../src/protocol/comparePage.ts';
import type { ComparedRun } from '../../src/protocol/comparison.ts';
import { activeStates } from '../../src/protocol/runDirectory.ts';
import { openChannel } from '../common/channel.ts';
import { button } from '../common/controls.ts';
import { html, isTyping, setText } from '../common/dom.ts';
import { LiveRegion } from '../common/liveRegion.ts';
import { Paced } from '../common/paced.ts';
import { StyleSlots } from '../common/seriesStyle.ts';
import { onThemeChange, readTheme } from '../common/theme.ts';
import { LiveNews } from '../curves/liveNews.ts';
import { titleOf } from '../curves/panels.ts';
import { ChartTable } from './chartTable.ts';
import { newsText } from './chartWords.ts';
import { type Column, columnDetail, columnsOf } from './columns.ts';
import { csvOf, markdownOf } from './copyText.ts';
import { cursorRow } from './cursorRow.ts';
import { CurveLoader } from './curveLoader.ts';
import { curveMetrics, metricOnShow } from './curveMetrics.ts';
import { CurveScene, validationsOf } from './curveScene.ts';
import { gatheringNotes } from './notes.ts';
import { OverlayChart, type OverlayScene } from './overlayChart.ts';
import type { Row } from './row.ts';
import { type Comparison, columnOrder, comparisonOf, shownRows } from './rows.ts';
import type { HeadColumn } from './tableRows.ts';
import { TableView } from './tableView.ts';
import { Toolbar } from './toolbar.ts';

const isActive = ({ state }: CompareRun): boolean => activeStates.includes(state);

/** At most so often is the table or the chart made anew while news come. */
const restMs = { table: 250, chart: 200 };
const saveAfterMs = 200;

/** The compare page: state in, messages out, and when to draw. */
export class ComparePage {
  readonly #channel;
  readonly #toolbar: Toolbar;
  readonly #table: TableView;
  readonly #chart: OverlayChart;
  readonly #points = new ChartTable(() => this.#chartLater.ask());
  readonly #live = new LiveRegion();
  readonly #news = new LiveNews((runs) => this.#tellNews(runs));
  readonly #notes = html('div', { class: 'notes muted' });
  readonly #detail = html('p', { class: 'detail-line muted' });
  readonly #content: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #slots = new StyleSlots();
  readonly #loader: CurveLoader;
  readonly #curves: CurveScene;
  readonly #runs = new Map<string, CompareRun>();
  readonly #facts = new Map<string, ComparedRun>();
  readonly #failures = new Set<string>();
  #state: CompareState | undefined;
  #theme = readTheme();
  #columns: Column[] = [];
  #comparison: Comparison = { rows: [], notes: [] };
  /** What the table shows: gathered columns are arranged a frame later. */
  #shown: { columns: readonly Column[]; pinned: boolean } = { columns: [], pinned: false };
  #order: number[] = [];
  #rows: Row[] = [];
  /** What the curves can be of, with titles. */
  #metrics: (readonly [string, string])[] = [];
  #heads: (HeadColumn & { index: number })[] = [];
  #sortedBy: CompareState['sortColumns'] = null;
  /** Indices of the columns in view. */
  #near: ReadonlySet<number> = new Set();
  #cursor: number | null = null;
  #savedAt = Number.NEGATIVE_INFINITY;
  #saving: ReturnType<typeof setTimeout> | undefined;
  #followed = '';
  readonly #tableLater = new Paced(restMs.table, () => {
    this.#gather();
    this.#arrangeLater.ask();
  });
  readonly #arrangeLater = new Paced(0, () => this.#arrange());
  readonly #cursorLater = new Paced(0, () => this.#showTable());
  readonly #chartLater = new Paced(restMs.chart, () => this.#drawChart());

  constructor(root: HTMLElement) {
    this.#channel = openChannel(toComparePage, fromComparePage, (message, binary) =>
      this.#receive(message, binary),
    );
    this.#loader = new CurveLoader(
      (request, series) => this.#channel.post({ type: 'series', request, series }),
      () => this.#chartLater.ask(),
    );
    this.#curves = new CurveScene(this.#loader);
    this.#toolbar = new Toolbar({
      pickRuns: () => this.#channel.post({ type: 'pickRuns' }),
      change: (change) => this.#change(change),
      unpin: () => this.#channel.post({ type: 'pin', run: null }),
      copy: (format) => this.#copy(format),
      showCurves: () => this.#channel.post({ type: 'showCurves', runs: this.#state?.runs ?? [] }),
    });
    this.#chart = new OverlayChart({
      moved: (step, said) => this.#cursorMoved(step, said),
      painted: (ms) => this.#chartLater.alsoTook(ms),
    });
    this.#table = new TableView({
      pin: (key) => this.#pin(key),
      remove: (key) => this.#remove(key),
      sortBy: (row) => this.#sortBy(row),
      entered: (text) => {
        setText(this.#detail, text);
        this.#say(text);
      },
      viewed: (from, to) => this.#viewed(from, to),
    });
    this.#content = html('div', {
      class: 'content',
      children: [this.#chart.element, this.#points.element, this.#notes, this.#table.element, this.#detail],
    });
    this.#empty = html('section', {
      class: 'empty',
      attributes: { hidden: true },
      children: [
        html('h2', { text: 'No runs to compare' }),
        html('p', { class: 'muted', text: 'Choose two runs or more; there is no limit.' }),
        button({
          label: 'Choose Runs…',
          kind: 'primary',
          press: () => this.#channel.post({ type: 'pickRuns' }),
        }).element,
      ],
    });
    root.classList.add('compare');
    root.append(
      html('h1', { class: 'visually-hidden', text: 'Compare runs' }),
      this.#toolbar.element,
      this.#content,
      this.#empty,
      this.#live.element,
    );
    document.addEventListener('keydown', (event) => this.#key(event));
    onThemeChange(() => {
      this.#theme = readTheme();
      this.#chartLater.ask();
    });
    new ResizeObserver(() => this.#chartLater.ask()).observe(this.#chart.element);
    this.#channel.post({ type: 'ready' });
  }

  #receive(message: ToComparePage, binary: ArrayBuffer | undefined): void {
    switch (message.type) {
      case 'snapshot':
        this.#snapshot(message.state);
        return;
      case 'runs':
        for (const run of message.runs) this.#runs.set(run.run, run);
        for (const run of message.removed) this.#runs.delete(run);
        this.#tableLater.ask();
        return;
      case 'facts':
        for (const fact of message.facts) {
          this.#facts.set(fact.run, fact);
          this.#failures.delete(fact.run);
        }
        this.#tableLater.ask();
        return;
      case 'factsFailed':
        for (const run of message.runs) this.#failures.add(run);
        this.#tableLater.ask();
        return;
      case 'baseline':
        if (this.#state)
          this.#change({
            baseline: message.run,
            differenceCurves: message.run !== null,
            sortColumns: this.#state.sortColumns,
          });
        return;
      case 'series':
        this.#loader.answered(message.request, message.header, binary);
        return;
      case 'failed':
        this.#loader.failed(message.request, message.message);
        return;
      case 'points': {
        let at = 0;
        for (const delta of message.deltas) {
          const length = delta.points * bytesPerPoint;
          const bytes = (binary ?? new ArrayBuffer(0)).slice(at, at + length);
          const changed = this.#loader.appended(delta, bytes);
          if (changed && this.#chart.hasFocus && delta.metric === this.#metric) this.#news.arrived(delta.run);
          at += length;
        }
      }
    }
  }

  /** What is shown stays until its news are here; what the person chose here since is newer than what the host has. */
  #snapshot(state: CompareState): void {
    const own = this.#state;
    const pinned = own?.baseline !== state.baseline;
    this.#state = own
      ? {
          ...own,
          runs: state.runs,
          baseline: state.baseline,
          differenceCurves: pinned ? state.differenceCurves : own.differenceCurves,
        }
      : state;
    if (!own) this.#slots.restore(state.styles);
    const wanted = new Set(state.runs);
    for (const map of [this.#runs, this.#facts])
      for (const run of map.keys()) if (!wanted.has(run)) map.delete(run);
    this.#failures.clear();
    this.#loader.refresh();
    this.#empty.hidden = state.runs.length > 0;
    this.#content.hidden = state.runs.length === 0;
    this.#placeChart();
    this.#saveLater();
    this.#tableLater.ask();
  }

  /** What is compared stays as it was, but for the grouping and the baseline. */
  #change(change: Partial<CompareState>): void {
    if (!this.#state) return;
    this.#state = { ...this.#state, ...change };
    this.#saveLater();
    if ('groupSeeds' in change || 'baseline' in change) {
      this.#gather();
      this.#arrangeLater.ask();
      return;
    }
    if ('table' in change) this.#placeChart();
    this.#arrange();
    this.#toolbar.update({ ...this.#state, metric: this.#metric }, this.#metrics);
    this.#follow();
    this.#chartLater.ask();
  }

  /** The chart, or the table of its points. */
  #placeChart(): void {
    const { table } = this.#state!;
    if (table) this.#chart.leave();
    this.#chart.element.hidden = table;
    this.#points.element.hidden = !table;
  }

  #say(text: string): void {
    this.#live.say(text);
    this.#news.said();
  }

  /** Of columns whose runs got points, while the chart has the focus. */
  #tellNews(runs: ReadonlySet<string>): void {
    if (!this.#chart.hasFocus) return;
    const keys = this.#columns.filter((column) => column.runs.some(({ run }) => runs.has(run)));
    const text = newsText(this.#scene(), new Set(keys.map(({ key }) => key)));
    if (text !== '') this.#live.say(text);
  }

  /** At once, but the changes that follow each other quickly together: the page may be covered a moment later. */
  #saveLater(): void {
    clearTimeout(this.#saving);
    const rested = performance.now() - this.#savedAt > saveAfterMs;
    this.#savedAt = performance.now();
    this.#saving = setTimeout(
      () => {
        if (!this.#state) return;
        const state = { ...this.#state, styles: this.#slots.saved };
        this.#channel.saveState(state);
        this.#channel.post({ type: 'state', state });
      },
      rested ? 0 : saveAfterMs,
    );
  }

  /** What is compared, not yet shown. */
  #gather(): void {
    const state = this.#state;
    if (!state) return;
    const runs = state.runs.flatMap((run) => this.#runs.get(run) ?? []);
    this.#columns = columnsOf(runs, this.#facts, state);
    if (this.#slots.keep(this.#columns.map(({ key }) => key))) this.#saveLater();
    this.#curves.keep(this.#columns);
    this.#comparison = comparisonOf(this.#columns, this.#isPinned());
    this.#showNotes(state);
    this.#metrics = curveMetrics(this.#columns);
    this.#toolbar.update({ ...state, metric: this.#metric }, this.#metrics);
    this.#follow();
    this.#chartLater.ask();
  }

  /** What the curves are of. */
  get #metric(): string {
    return metricOnShow(this.#state!.metric, this.#metrics);
  }

  #isPinned(): boolean {
    return this.#columns[0]?.runs.some(({ run }) => run === this.#state?.baseline) ?? false;
  }

  #showNotes(state: CompareState): void {
    const gathered = gatheringNotes({
      wanted: state.runs,
      known: state.runs.filter((run) => this.#runs.has(run)).length,
      facts: this.#facts.values(),
      failed: this.#failures.size,
    });
    const notes = [...gathered, ...this.#comparison.notes];
    const key = notes.join('\n');
    if (key === this.#notes.dataset.said) return;
    this.#notes.dataset.said = key;
    this.#notes.replaceChildren(...notes.map((text) => html('p', { text })));
  }

  /** Rows and columns in their order, by what the person chose. */
  #arrange(): void {
    const state = this.#state;
    if (!state) return;
    const shown = { columns: this.#columns, pinned: this.#isPinned() };
    this.#shown = shown;
    const sorting = state.sortColumns;
    const sortRow = sorting ? this.#comparison.rows.find(({ key }) => key === sorting.row) : undefined;
    this.#order = columnOrder(shown.columns.length, shown.pinned, sortRow, sorting?.descending ?? false);
    this.#rows = shownRows(this.#comparison.rows, shown.columns.length, state);
    this.#heads = this.#order.map((index) => {
      const column = shown.columns[index]!;
      const { key, name, runs } = column;
      const detail = columnDetail(column);
      const about = [name, detail, ...runs.slice(0, 12).map(({ run, state: s }) => `${run}, ${s}`)].join(
        '\n',
      );
      return { key, name, detail, about, style: this.#slots.styleOf(key), index };
    });
    this.#sortedBy = sortRow ? sorting : null;
    this.#showTable();
  }

  #showTable(): void {
    const cursor = this.#cursorRow();
    this.#table.show({
      columns: this.#heads,
      rows: [...(cursor ? [cursor] : []), ...this.#rows],
      sections: this.#state!.sortRows === 'group',
      pinned: this.#shown.pinned,
      wide: this.#shown.columns.some(({ runs }) => runs.length > 1),
      sortedBy: this.#sortedBy,
    });
  }

  #cursorRow(): Row | undefined {
    if (this.#cursor === null) return undefined;
    return cursorRow(this.#curves, this.#shown.columns, this.#metric, this.#cursor, this.#shown.pinned);
  }

  #cursorMoved(step: number | null, said: boolean): void {
    this.#cursor = step;
    if (!said) {
      this.#cursorLater.ask();
      return;
    }
    this.#showTable();
    const row = this.#cursorRow();
    const near = this.#order.filter((index) => this.#near.has(index)).slice(0, 8);
    this.#say(
      row
        ? `${row.label}: ${near.map((index) => `${this.#shown.columns[index]!.name} ${row.cell(index).text}`).join('; ')}`
        : '',
    );
  }

  /** The columns in view are those whose curves are in colour; the baseline always is. */
  #viewed(from: number, to: number): void {
    const near = new Set(this.#order.slice(from, to));
    if (this.#shown.pinned) near.add(0);
    if (near.size === this.#near.size && [...near].every((index) => this.#near.has(index))) return;
    this.#near = near;
    this.#chartLater.ask();
  }

  #drawChart(): void {
    const width = this.#content.clientWidth;
    if (!this.#state || this.#columns.length === 0 || width === 0) return;
    const metric = this.#metric;
    this.#curves.ask(this.#columns, this.#near, metric, width * devicePixelRatio);
    this.#follow();
    if (this.#state.table) this.#points.draw(this.#scene(), this.#curves.longest(this.#columns, metric));
    else this.#chart.draw(this.#scene());
  }

  #scene(): OverlayScene {
    const state = this.#state!;
    const metric = this.#metric;
    const difference = state.differenceCurves && this.#isPinned();
    const waiting = this.#loader.waiting > 0;
    return {
      curves: this.#curves.curves(this.#columns, this.#near, (key) => this.#slots.styleOf(key), {
        ...state,
        metric,
        baseline: this.#isPinned() ? state.baseline : null,
      }),
      marks: this.#curves.marks(this.#columns, this.#near),
      theme: this.#theme,
      title: `${printable(titleOf(metric))}${difference ? `, difference to ${this.#columns[0]!.name}` : ''}`,
      note: this.#curves.pointsNote(this.#columns, this.#near, metric),
      waiting: waiting
        ? 'Loading…'
        : difference
          ? 'The baseline shares no step with the others.'
          : this.#columns.some(({ runs }) => runs.some(isActive))
            ? 'No points yet.'
            : 'No points.',
      zero: difference,
    };
  }

  /** Tells the host which series still grow. */
  #follow(): void {
    const metric = this.#metric;
    const series = this.#columns.flatMap((column, i) => {
      const marks = this.#near.has(i) ? validationsOf(column, metric) : [];
      return column.runs
        .filter(isActive)
        .flatMap(({ run }) => [metric, ...marks].map((name) => ({ run, metric: name })));
    });
    const key = JSON.stringify(series);
    if (key === this.#followed) return;
    this.#followed = key;
    this.#channel.post({ type: 'show', series });
  }

  #pin(key: string): void {
    const column = this.#columns.find((c) => c.key === key);
    const pinned = column?.runs.some(({ run }) => run === this.#state?.baseline) ?? false;
    this.#channel.post({ type: 'pin', run: pinned ? null : key });
    if (column)
      this.#say(pinned ? `${column.name} is no baseline any more` : `${column.name} is the baseline`);
  }

  #remove(key: string): void {
    const column = this.#columns.find((c) => c.key === key);
    if (!column) return;
    this.#channel.post({ type: 'remove', runs: column.runs.map(({ run }) => run) });
    this.#say(`${column.name} removed`);
  }

  /** Ascending, then descending, then as picked. */
  #sortBy(row: string): void {
    const now = this.#state?.sortColumns;
    const next =
      now?.row !== row ? { row, descending: false } : now.descending ? null : { row, descending: true };
    this.#change({ sortColumns: next });
    this.#say(next ? `Columns sorted, ${next.descending ? 'descending' : 'ascending'}` : 'Columns as picked');
  }

  #copy(format: 'Markdown' | 'CSV'): void {
    const columns = this.#order.map((index) => {
      const column = this.#shown.columns[index]!;
      return { title: `${column.name} (${columnDetail(column)})`, index };
    });
    const text = format === 'CSV' ? csvOf(this.#rows, columns) : markdownOf(this.#rows, columns);
    this.#channel.post({ type: 'copy', format, text });
    this.#say(`Copied as ${format}`);
  }

  /** To the table of points and back, with the focus. */
  #turn(table: boolean): void {
    this.#change({ table });
    (table ? this.#points : this.#chart).focus();
  }

  #key(event: KeyboardEvent): void {
    const state = this.#state;
    if (!state || event.altKey || event.ctrlKey || event.metaKey || isTyping(event)) return;
    const key = event.key.toLowerCase();
    if (key === 'd') this.#change({ onlyDifferences: !state.onlyDifferences });
    else if (key === 'g') this.#change({ groupSeeds: !state.groupSeeds });
    else if (key === 't') this.#turn(!state.table);
    else if (key === '/') this.#toolbar.focusFilter();
    else return;
    event.preventDefault();
  }
}
