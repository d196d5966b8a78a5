import { bytesPerPoint } from '../../src/core/seriesBytes.ts';
import type { PointsDelta, RunSummary, SeriesHeader } from '../../src/protocol/controlApi.ts';
import {
  type CurvesState,
  fromCurvesPage,
  type ToCurvesPage,
  toCurvesPage,
} from '../../src/protocol/pageMessages.ts';
import { type Channel, openChannel } from '../common/channel.ts';
import { html, isTyping } from '../common/dom.ts';
import { LiveRegion } from '../common/liveRegion.ts';
import { StyleSlots } from '../common/seriesStyle.ts';
import { onThemeChange, readTheme, type ThemeColours } from '../common/theme.ts';
import { placeText } from './axis.ts';
import { DataTable } from './dataTable.ts';
import { emptyState } from './emptyState.ts';
import { extentOf } from './extent.ts';
import { Legend } from './legend.ts';
import { defaultMetrics, isOwnMark, isValidation, markLabel, metricsOf, panelsFor } from './panels.ts';
import { type PanelCurve, type PanelScene, PanelView } from './panelView.ts';
import { phaseMarks } from './phaseMarks.ts';
import { type Reading, stepAlong } from './readout.ts';
import { ReadoutCard, type ReadoutLine } from './readoutCard.ts';
import { isActive, waitingLines } from './runText.ts';
import { type SeriesKey, SeriesStore, type SeriesX } from './seriesStore.ts';
import { Toolbar } from './toolbar.ts';

/** What listeners in the page's frame learn after points were drawn. */
export interface DrawnDetail {
  run: string;
  metric: string;
  lastStep: number;
  /** Unix milliseconds when the canvas had them. */
  time: number;
}

/** How long after the last change of the view finer points are asked for and the state is saved. */
const settleMilliseconds = 150;

/** Milliseconds that drawing rests at most. */
const longestRest = 200;

/** How long points may be under way before the page says so. */
const momentMilliseconds = 400;

/** The curves page: holds the UI state, joins runs, series and views, and draws what changed in the next frame. */
export class CurvesPage {
  private readonly channel: Channel<ReturnType<typeof fromCurvesPage.parse>>;
  private readonly store: SeriesStore;
  private readonly toolbar: Toolbar;
  private readonly legend: Legend;
  private readonly table: DataTable;
  private readonly card = new ReadoutCard();
  private readonly live = new LiveRegion();
  private readonly slots = new StyleSlots();
  private readonly charts = html('div', { class: 'charts' });
  private readonly empty: HTMLElement;
  private readonly runs = new Map<string, RunSummary>();
  private panels: PanelView[] = [];
  private state: CurvesState | undefined;
  private theme: ThemeColours;
  private highlighted: string | null = null;
  private cursor: { x: number; panel: PanelView; height: number | undefined } | null = null;
  private shownKey = '';
  private readonly dirtyPanels = new Set<PanelView>();
  private readonly arrived = new Map<string, SeriesKey>();
  private frame: number | undefined;
  /** A slow picture is followed by as long a rest, so that points and keys are not kept waiting by drawing alone. */
  private restUntil = 0;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  /** Set for a moment after points were asked for. */
  private moment: ReturnType<typeof setTimeout> | undefined;
  /** The range of x that all panels show where the person chose none. */
  private extent: [number, number] = [0, 1];
  private drawnWidth = 0;

  constructor(root: HTMLElement) {
    this.theme = readTheme();
    this.channel = openChannel(toCurvesPage, fromCurvesPage, (message, binary) =>
      this.receive(message, binary),
    );
    this.store = new SeriesStore({
      ask: (request, series) => this.channel.post({ type: 'series', request, series }),
      changed: (key) => this.seriesChanged(key),
    });
    const pickRuns = () => this.channel.post({ type: 'pickRuns' });
    this.toolbar = new Toolbar({
      pickRuns,
      setMetrics: (metrics) => this.setState({ metrics }),
      setX: (x) => this.setX(x),
      setLogY: (logY) => this.setState({ logY }),
      setTable: (table) => this.setTable(table),
      resetView: () => this.setView(null),
    });
    this.legend = new Legend({
      toggle: (run) => this.toggleRun(run),
      highlight: (run) => this.highlight(run),
      exportCsv: (run) => this.channel.post({ type: 'exportCsv', run }),
    });
    this.table = new DataTable(() => this.drawTable());
    this.empty = emptyState(() => this.channel.post({ type: 'launch' }), pickRuns);
    root.append(
      this.toolbar.element,
      this.empty,
      html('div', { class: 'content', children: [this.legend.element, this.charts, this.table.element] }),
      this.live.element,
    );
    root.classList.add('curves');
    document.addEventListener('keydown', (event) => this.pageKey(event));
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.channel.post({ type: 'ready' });
    });
    onThemeChange(() => {
      this.theme = readTheme();
      this.drawAll();
    });
    new ResizeObserver(() => this.resized()).observe(this.charts);
    this.channel.post({ type: 'ready' });
  }

  private receive(message: ToCurvesPage, binary: ArrayBuffer | undefined): void {
    switch (message.type) {
      case 'snapshot':
        this.runs.clear();
        for (const run of message.runs) this.runs.set(run.run, run);
        this.takeSnapshot(message.state);
        return;
      case 'runs':
        for (const run of message.runs) this.runs.set(run.run, run);
        for (const run of message.removed) this.runs.delete(run);
        this.runsChanged();
        return;
      case 'series':
        this.store.answered(message.request, message.header as SeriesHeader, binary);
        return;
      case 'points':
        this.takeDeltas(message.deltas, binary ?? new ArrayBuffer(0));
        return;
      case 'failed':
        this.store.failed(message.request, message.message);
    }
  }

  private takeDeltas(deltas: readonly PointsDelta[], binary: ArrayBuffer): void {
    let offset = 0;
    for (const delta of deltas) {
      const { run, metric } = delta;
      const end = offset + delta.points * bytesPerPoint;
      if (this.store.appended(delta, binary.slice(offset, end)))
        this.arrived.set(`${run} ${metric}`, { run, metric });
      offset = end;
    }
  }

  private takeSnapshot(state: CurvesState): void {
    this.state = state;
    this.slots.restore(state.styles);
    this.channel.saveState(state);
    this.shownKey = '';
    this.layOut();
    this.store.refresh(state.x);
    this.waitAMoment();
    this.store.setView(state.range);
  }

  /** Runs on show in their order, those that are known. */
  private shownRuns(): RunSummary[] {
    return (this.state?.runs ?? []).flatMap((id) => this.runs.get(id) ?? []);
  }

  private visibleRuns(): RunSummary[] {
    const hidden = new Set(this.state?.hidden);
    return this.shownRuns().filter((r) => !hidden.has(r.run));
  }

  private chosenMetrics(): readonly string[] {
    const chosen = this.state?.metrics ?? [];
    return chosen.length > 0 ? chosen : defaultMetrics;
  }

  private availableMetrics(): Set<string> {
    return new Set(this.shownRuns().flatMap((r) => r.metrics));
  }

  /** Makes the panels that state and runs ask for; existing ones are kept. Then draws everything. */
  private layOut(): void {
    const state = this.state;
    if (!state) return;
    const runs = this.shownRuns();
    if (this.slots.keep(state.runs)) {
      this.state = { ...state, styles: this.slots.saved };
      this.saveState();
    }
    const panels = panelsFor(this.chosenMetrics(), this.availableMetrics());
    const kept = new Map(this.panels.map((view) => [JSON.stringify(view.panel), view]));
    this.panels = panels.map((panel) => {
      const key = JSON.stringify(panel);
      const view = kept.get(key) ?? new PanelView(panel, this.panelEvents());
      kept.delete(key);
      return view;
    });
    for (const view of kept.values()) view.dispose();
    for (const [index, view] of this.panels.entries())
      if (this.charts.children[index] !== view.element)
        this.charts.insertBefore(view.element, this.charts.children[index] ?? null);
    this.charts.append(this.card.element);
    const none = runs.length === 0;
    this.empty.hidden = !none;
    this.charts.hidden = none || state.table;
    this.table.element.hidden = none || !state.table;
    this.legend.element.hidden = none;
    this.showSeries();
    this.updateBars();
    this.drawAll();
  }

  private panelEvents(): ConstructorParameters<typeof PanelView>[1] {
    return {
      viewChanged: (range) => this.setView(range),
      pointed: (panel, x, height) => this.pointed(panel, x, height),
      key: (panel, event) => this.chartKey(panel, event),
    };
  }

  /** Tells store and extension which series are on show. Hidden runs are followed too: a click shows them at once. */
  private showSeries(): void {
    const keys = this.shownRuns().flatMap((run) =>
      this.panels.flatMap((view) =>
        metricsOf(view.panel)
          .filter(
            (metric) =>
              metric === view.panel.metric || (run.metrics.includes(metric) && isOwnMark(metric, run.phases)),
          )
          .map((metric) => ({ run: run.run, metric })),
      ),
    );
    const key = JSON.stringify(keys);
    if (key === this.shownKey) return;
    this.shownKey = key;
    // First the deltas, then the snapshots: nothing falls between.
    this.channel.post({ type: 'show', series: keys });
    this.store.show(keys);
    this.waitAMoment();
  }

  /** Points were asked for: what is not here after a moment is said to be loading. */
  private waitAMoment(): void {
    clearTimeout(this.moment);
    this.moment = setTimeout(() => {
      this.moment = undefined;
      for (const view of this.panels) if (this.isLoading(view.panel.metric)) this.drawLater(view);
    }, momentMilliseconds);
  }

  private updateBars(): void {
    const state = this.state;
    if (!state) return;
    this.toolbar.update(state, this.chosenMetrics(), this.availableMetrics());
    this.legend.update(
      this.shownRuns(),
      new Set(state.hidden),
      (run) => this.slots.styleOf(run),
      (run) => this.store.problemOf(run, this.panels[0]?.panel.metric ?? ''),
    );
  }

  private runsChanged(): void {
    const before = this.panels.map((p) => JSON.stringify(p.panel)).join();
    const after = panelsFor(this.chosenMetrics(), this.availableMetrics())
      .map((p) => JSON.stringify(p))
      .join();
    if (before !== after || (this.shownRuns().length === 0) !== !this.empty.hidden) {
      this.layOut();
      return;
    }
    this.showSeries();
    this.updateBars();
    // A panel without points says what its runs do.
    for (const view of this.panels) if (!view.hasPicture) this.drawLater(view);
  }

  private setState(change: Partial<CurvesState>): void {
    if (!this.state) return;
    this.state = { ...this.state, ...change };
    this.saveState();
    this.layOut();
  }

  private saveState(): void {
    if (!this.state) return;
    this.channel.saveState(this.state);
    this.channel.post({ type: 'state', state: this.state });
  }

  private setX(x: SeriesX): void {
    if (!this.state || this.state.x === x) return;
    this.cursor = null;
    this.store.setView(null);
    // A range of steps is no range of tokens: another axis starts with everything.
    this.setState({ x, range: null });
    this.store.refresh(x);
    this.waitAMoment();
  }

  private setTable(table: boolean): void {
    if (this.state?.table === table) return;
    this.setState({ table });
    if (table) this.table.focus();
    else this.panels[0]?.focus();
  }

  /** Moves all panels at once with the points there are; finer ones and the saved state follow when it settles. */
  private setView(wanted: [number, number] | null): void {
    const state = this.state;
    if (!state) return;
    // Who zooms out beyond the points wants to see new ones come.
    const all = wanted !== null && wanted[0] <= this.extent[0] && wanted[1] >= this.extent[1];
    const range = all ? null : wanted;
    if (all) this.drawAll();
    const now = state.range;
    if (now === range || (now && range && now[0] === range[0] && now[1] === range[1])) return;
    this.state = { ...state, range };
    this.toolbar.update(this.state, this.chosenMetrics(), this.availableMetrics());
    this.drawAll();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.saveState();
      this.store.setView(this.state?.range ?? null);
    }, settleMilliseconds);
  }

  private toggleRun(run: string): void {
    const hidden = new Set(this.state?.hidden);
    if (!hidden.delete(run)) hidden.add(run);
    // The pointer still rests on its row: a hidden run stands out from nothing.
    if (this.highlighted === run) this.highlighted = null;
    this.setState({ hidden: [...hidden] });
    this.live.say(`${this.runs.get(run)?.name ?? run} ${hidden.has(run) ? 'hidden' : 'shown'}`);
  }

  private highlight(run: string | null): void {
    const next = run !== null && this.state?.hidden.includes(run) ? null : run;
    if (this.highlighted === next || this.visibleRuns().length < 2) return;
    this.highlighted = next;
    this.drawAll();
  }

  private seriesChanged(key: SeriesKey): void {
    for (const view of this.panels) if (metricsOf(view.panel).includes(key.metric)) this.drawLater(view);
    if (key.metric === this.panels[0]?.panel.metric) this.updateBars();
  }

  private resized(): void {
    const width = Math.max(0, ...this.panels.map((p) => p.width));
    if (width === 0) return;
    this.store.setPixels(width * devicePixelRatio);
    // The cursor stays where only a note below a panel appeared; marks and their words follow the width.
    if (width === this.drawnWidth) {
      if (this.cursor) this.drawAll();
      return;
    }
    this.drawnWidth = width;
    this.clearCursor();
    this.drawAll();
  }

  private drawAll(): void {
    for (const view of this.panels) this.drawLater(view);
  }

  private drawLater(view: PanelView): void {
    this.dirtyPanels.add(view);
    if (this.frame !== undefined || this.resting !== undefined) return;
    const rest = this.restUntil - performance.now();
    if (rest <= 0) this.frame = requestAnimationFrame(() => this.drawFrame());
    else
      this.resting = setTimeout(() => {
        this.resting = undefined;
        this.frame ??= requestAnimationFrame(() => this.drawFrame());
      }, rest);
  }

  private drawFrame(): void {
    this.frame = undefined;
    const started = performance.now();
    const dirty = [...this.dirtyPanels];
    this.dirtyPanels.clear();
    if (!this.state) return;
    if (this.state.table) this.drawTable();
    else
      for (const view of this.measured() ? this.panels : dirty)
        if (this.panels.includes(view)) view.draw(this.scene(view));
    this.showCursor();
    this.reportDrawn();
    const ended = performance.now();
    this.restUntil = ended + Math.min(longestRest, ended - started);
  }

  /** Says what was drawn, for whoever measures: an event in this frame, nothing else. */
  private reportDrawn(): void {
    const time = Date.now();
    for (const { run, metric } of this.arrived.values()) {
      const lastStep = this.store.wholeOf(run, metric)?.points.at(-1)?.step;
      if (lastStep === undefined) continue;
      const detail: DrawnDetail = { run, metric, lastStep, time };
      document.dispatchEvent(new CustomEvent('biphase-drawn', { detail }));
    }
    this.arrived.clear();
  }

  /** Takes the extent of x from the points there are now; returns whether every panel has to follow it. */
  private measured(): boolean {
    const found = extentOf(
      this.panels.flatMap((view) =>
        this.curves(view).map((c) => this.store.wholeOf(c.run, c.metric)?.points ?? []),
      ),
    );
    if (!found || (found[0] === this.extent[0] && found[1] === this.extent[1])) return false;
    this.extent = found;
    return this.state?.range === null;
  }

  private curves(view: PanelView): PanelCurve[] {
    return this.visibleRuns().flatMap((run) =>
      metricsOf(view.panel).flatMap((metric) => {
        const series = this.store.pointsOf(run.run, metric);
        if (metric !== view.panel.metric && (!series || !isOwnMark(metric, run.phases))) return [];
        const emphasis =
          this.highlighted === null ? 'normal' : this.highlighted === run.run ? 'strong' : 'faint';
        return [
          {
            run: run.run,
            name: run.name,
            metric,
            phases: run.phases,
            style: this.slots.styleOf(run.run),
            series,
            emphasis,
          },
        ];
      }),
    );
  }

  private scene(view: PanelView): PanelScene {
    const state = this.state!;
    const runs = this.visibleRuns();
    const marked = this.highlighted === null ? runs : runs.filter((r) => r.run === this.highlighted);
    const { metric, size } = view.panel;
    const loading = this.isLoading(metric);
    return {
      curves: this.curves(view),
      marks: phaseMarks(marked),
      x: state.x,
      logY: state.logY,
      theme: this.theme,
      view: state.range ?? this.extent,
      waiting: loading ? 'Loading…' : this.waitingFor(metric, size),
      moment: loading && this.moment !== undefined,
    };
  }

  /** Whether points of some run on show are under way, so that nothing is known of them yet. */
  private isLoading(metric: string): boolean {
    return this.visibleRuns().some((run) => this.store.isLoading(run.run, metric));
  }

  /** What a panel without points says. */
  private waitingFor(metric: string, size: 'big' | 'small'): string {
    const runs = this.visibleRuns();
    if (size === 'small') return runs.some(isActive) ? 'no points yet' : 'no points';
    if (runs.length === 0) return 'All runs are hidden. Press one in the list to show it.';
    return waitingLines(runs, (run) => this.store.problemOf(run, metric));
  }

  private drawTable(): void {
    if (!this.state?.table) return;
    const panel = this.table.panel(this.panels.map((v) => v.panel));
    const view = this.panels.find((v) => v.panel === panel);
    if (panel && view) this.table.draw(panel, this.scene(view));
  }

  private pointed(panel: PanelView, x: number | null, height: number): void {
    if (x === null) this.clearCursor();
    else {
      this.cursor = { x, panel, height };
      this.showCursor();
    }
  }

  private clearCursor(): void {
    if (!this.cursor) return;
    this.cursor = null;
    this.card.hide();
    for (const view of this.panels) {
      view.showCursor(null, []);
      view.restoreNote();
    }
  }

  private showCursor(): void {
    const cursor = this.cursor;
    if (!cursor || !this.state || this.state.table) return;
    const here = cursor.panel.readings(cursor.x, cursor.height);
    const several = this.visibleRuns().length > 1;
    for (const view of this.panels) {
      const readings = view === cursor.panel ? here : view.readings(cursor.x);
      view.showCursor(cursor.x, readings);
      if (view === cursor.panel) this.showCard(view, cursor.x, readings, cursor.height);
      else {
        // Of the run whose value is first on the card.
        const reading = readings.find((r) => r.run === here[0]?.run && r.metric === view.panel.metric);
        view.showNote(
          reading ? this.readingValue(view, reading, cursor.x) : '',
          reading && several ? this.slots.styleOf(reading.run) : undefined,
        );
      }
    }
  }

  private showCard(view: PanelView, x: number, readings: readonly Reading[], height = 40): void {
    const at = view.place(x);
    if (at === undefined || readings.length === 0) {
      this.card.hide();
      return;
    }
    const lines: ReadoutLine[] = readings.map((reading) => ({
      style: this.slots.styleOf(reading.run),
      name: this.runs.get(reading.run)?.name ?? reading.run,
      suffix: reading.metric === view.panel.metric ? '' : markLabel(reading.metric),
      value: this.readingValue(view, reading, x),
    }));
    const box = view.element.querySelector('.chart') as HTMLElement;
    this.card.show(
      placeText(this.state!.x, x),
      lines,
      box.offsetLeft + at,
      box.offsetTop + Math.max(0, height - 16),
      this.charts.clientWidth,
    );
  }

  /** The value; with its own step where a validation was not made at the cursor. */
  private readingValue(view: PanelView, { metric, point }: Reading, x: number): string {
    const value = view.panel.format(point.y);
    const axis = this.state!.x;
    const elsewhere = isValidation(metric) && placeText(axis, point.x) !== placeText(axis, x);
    return elsewhere ? `${value} at ${placeText('step', point.step)}` : value;
  }

  private readingName(view: PanelView, reading: Reading): string {
    const name = this.runs.get(reading.run)?.name ?? reading.run;
    return reading.metric === view.panel.metric ? name : `${name} ${markLabel(reading.metric)}`;
  }

  /** Keys while a chart has the focus: a cursor that walks along the first visible run's points. */
  private chartKey(view: PanelView, event: KeyboardEvent): void {
    const walks: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -25,
      PageDown: 25,
      Home: Number.NEGATIVE_INFINITY,
      End: Number.POSITIVE_INFINITY,
    };
    if (event.key === 'Escape' && this.cursor) {
      this.clearCursor();
      event.preventDefault();
      return;
    }
    if (event.key === '+' || event.key === '-') {
      this.zoomBy(view, event.key === '+' ? 0.5 : 2);
      event.preventDefault();
      return;
    }
    const by = walks[event.key];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const range = view.range;
    const points =
      this.curves(view).find((c) => c.series && c.series.points.length > 0)?.series?.points ?? [];
    const inView = range ? points.filter((p) => p.x >= range[0] && p.x <= range[1]) : points;
    const from = this.cursor?.x ?? inView[0]?.x ?? 0;
    const walked =
      this.cursor === null && by === 1 ? inView[0] : stepAlong(inView, from, by * (event.shiftKey ? 10 : 1));
    if (!walked) return;
    this.cursor = { x: walked.x, panel: view, height: undefined };
    this.showCursor();
    this.live.say(this.spoken(view, walked.x));
  }

  private spoken(view: PanelView, x: number): string {
    const readings = view.readings(x).slice(0, 8);
    const values = readings.map((r) => `${this.readingName(view, r)} ${this.readingValue(view, r, x)}`);
    return `${placeText(this.state!.x, x)}. ${view.panel.title}: ${values.join('; ') || 'no value'}`;
  }

  private zoomBy(view: PanelView, factor: number): void {
    const range = view.range;
    if (!range) return;
    const middle = this.cursor?.x ?? (range[0] + range[1]) / 2;
    const from = Math.max(0, middle - (middle - range[0]) * factor);
    this.setView([from, middle + (range[1] - middle) * factor]);
  }

  private pageKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event) || !this.state) return;
    if (event.key === 't') this.setTable(!this.state.table);
    else if (event.key === 'l') this.setState({ logY: !this.state.logY });
    else if (event.key === '0') this.setView(null);
    else return;
    event.preventDefault();
  }
}
