import { bytesPerPoint } from '../../src/core/seriesBytes.ts';
import type { PointsDelta, SeriesHeader } from '../../src/protocol/controlApi.ts';
import {
  type CurvesState,
  fromCurvesPage,
  type ToCurvesPage,
  toCurvesPage,
} from '../../src/protocol/pageMessages.ts';
import { type Channel, openChannel } from '../common/channel.ts';
import { html } from '../common/dom.ts';
import { LiveRegion } from '../common/liveRegion.ts';
import { onThemeChange, readTheme } from '../common/theme.ts';
import { Cursor } from './cursor.ts';
import { DataTable } from './dataTable.ts';
import { DrawnReport } from './drawnReport.ts';
import { DrawScheduler } from './drawScheduler.ts';
import { emptyState } from './emptyState.ts';
import { onChartKey, onPageKey } from './keys.ts';
import { Legend } from './legend.ts';
import { PageState } from './pageState.ts';
import { isOwnMark, metricsOf, panelsFor } from './panels.ts';
import { PanelView } from './panelView.ts';
import { Scenes } from './scenes.ts';
import { type SeriesKey, SeriesStore, type SeriesX } from './seriesStore.ts';
import { ShownRuns } from './shownRuns.ts';
import { Toolbar } from './toolbar.ts';

/** How long after the last change of the view finer points are asked for and the state is saved. */
const settleMilliseconds = 150;

/** How long points may be under way before the page says so. */
const momentMilliseconds = 400;

/** The curves page: takes messages, lays out the panels, and has its parts draw what changed. */
export class CurvesPage {
  private readonly channel: Channel<ReturnType<typeof fromCurvesPage.parse>>;
  private readonly state = new PageState((state) => {
    this.channel.saveState(state);
    this.channel.post({ type: 'state', state });
  });
  private readonly runs = new ShownRuns(this.state);
  private readonly store: SeriesStore;
  private readonly scenes: Scenes;
  private readonly cursor: Cursor;
  private readonly report: DrawnReport;
  private readonly scheduler = new DrawScheduler<PanelView>((views) => this.draw(views));
  private readonly toolbar: Toolbar;
  private readonly legend: Legend;
  private readonly table: DataTable;
  private readonly live = new LiveRegion();
  private readonly charts = html('div', { class: 'charts' });
  private readonly empty: HTMLElement;
  private panels: PanelView[] = [];
  private shownKey = '';
  private settling: ReturnType<typeof setTimeout> | undefined;
  /** Set for a moment after points were asked for. */
  private moment: ReturnType<typeof setTimeout> | undefined;
  private drawnWidth = 0;

  constructor(root: HTMLElement) {
    this.channel = openChannel(toCurvesPage, fromCurvesPage, (message, binary) =>
      this.receive(message, binary),
    );
    this.store = new SeriesStore({
      ask: (request, series) => this.channel.post({ type: 'series', request, series }),
      changed: (key) => this.seriesChanged(key),
    });
    this.scenes = new Scenes(this.state, this.runs, this.store, readTheme());
    this.cursor = new Cursor(this.state, this.runs, this.scenes, () => this.panels);
    this.report = new DrawnReport(this.store);
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
      highlight: (run) => {
        if (this.runs.highlight(run)) this.drawAll();
      },
      exportCsv: (run) => this.channel.post({ type: 'exportCsv', runs: [run], metrics: null }),
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
    this.listen();
    this.channel.post({ type: 'ready' });
  }

  private listen(): void {
    document.addEventListener('keydown', (event) => {
      const state = this.state.current;
      if (state)
        onPageKey(event, {
          t: () => this.setTable(!state.table),
          l: () => this.setState({ logY: !state.logY }),
          '0': () => this.setView(null),
        });
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.channel.post({ type: 'ready' });
    });
    onThemeChange(() => {
      this.scenes.theme = readTheme();
      this.drawAll();
    });
    new ResizeObserver(() => this.resized()).observe(this.charts);
  }

  private receive(message: ToCurvesPage, binary: ArrayBuffer | undefined): void {
    switch (message.type) {
      case 'snapshot':
        this.runs.replace(message.runs);
        this.takeSnapshot(message.state);
        return;
      case 'runs':
        this.runs.update(message.runs, message.removed);
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
      if (this.store.appended(delta, binary.slice(offset, end))) this.report.add({ run, metric });
      offset = end;
    }
  }

  private takeSnapshot(state: CurvesState): void {
    this.state.current = state;
    this.runs.slots.restore(state.styles);
    this.channel.saveState(state);
    this.shownKey = '';
    this.layOut();
    this.store.refresh(state.x);
    this.waitAMoment();
    this.store.setView(state.range);
  }

  /** Makes the panels that state and runs ask for; existing ones are kept. Then draws everything. */
  private layOut(): void {
    if (!this.state.current) return;
    if (this.runs.slots.keep(this.state.current.runs)) this.state.change({ styles: this.runs.slots.saved });
    const kept = new Map(this.panels.map((view) => [JSON.stringify(view.panel), view]));
    this.panels = panelsFor(this.state.metrics, this.runs.metrics).map((panel) => {
      const key = JSON.stringify(panel);
      const view = kept.get(key) ?? new PanelView(panel, this.panelEvents());
      kept.delete(key);
      return view;
    });
    for (const view of kept.values()) view.dispose();
    for (const [index, view] of this.panels.entries())
      if (this.charts.children[index] !== view.element)
        this.charts.insertBefore(view.element, this.charts.children[index] ?? null);
    this.charts.append(this.cursor.card.element);
    const none = this.runs.shown.length === 0;
    const { table } = this.state.current;
    this.empty.hidden = !none;
    this.charts.hidden = none || table;
    this.table.element.hidden = none || !table;
    this.legend.element.hidden = none;
    this.showSeries();
    this.updateBars();
    this.drawAll();
  }

  private panelEvents(): ConstructorParameters<typeof PanelView>[1] {
    return {
      viewChanged: (range) => this.setView(range),
      pointed: (panel, x, height) => this.cursor.pointed(panel, x, height),
      key: (panel, event) =>
        onChartKey(event, {
          walk: (by) => {
            const said = this.cursor.walk(panel, by);
            if (said) this.live.say(said);
          },
          leave: () => {
            const there = this.cursor.x !== undefined;
            this.cursor.clear();
            return there;
          },
          zoom: (factor) => this.zoomBy(panel, factor),
        }),
    };
  }

  /** Tells store and extension which series are on show. Hidden runs are followed too: a click shows them at once. */
  private showSeries(): void {
    const keys = this.runs.shown.flatMap((run) =>
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
    this.scenes.moment = true;
    this.moment = setTimeout(() => {
      this.scenes.moment = false;
      for (const view of this.panels)
        if (this.scenes.isLoading(view.panel.metric)) this.scheduler.drawLater(view);
    }, momentMilliseconds);
  }

  private updateBars(): void {
    const state = this.state.current;
    if (!state) return;
    this.toolbar.update(state, this.state.metrics, this.runs.metrics);
    this.legend.update(
      this.runs.shown,
      new Set(state.hidden),
      (run) => this.runs.slots.styleOf(run),
      (run) => this.store.problemOf(run, this.panels[0]?.panel.metric ?? ''),
    );
  }

  private runsChanged(): void {
    const before = this.panels.map((p) => JSON.stringify(p.panel)).join();
    const after = panelsFor(this.state.metrics, this.runs.metrics)
      .map((p) => JSON.stringify(p))
      .join();
    if (before !== after || (this.runs.shown.length === 0) !== !this.empty.hidden) {
      this.layOut();
      return;
    }
    this.showSeries();
    this.updateBars();
    // A panel without points says what its runs do.
    for (const view of this.panels) if (!view.hasPicture) this.scheduler.drawLater(view);
  }

  private setState(change: Partial<CurvesState>): void {
    if (this.state.change(change)) this.layOut();
  }

  private setX(x: SeriesX): void {
    if (!this.state.current || this.state.current.x === x) return;
    this.cursor.clear();
    this.store.setView(null);
    // A range of steps is no range of tokens: another axis starts with everything.
    this.setState({ x, range: null });
    this.store.refresh(x);
    this.waitAMoment();
  }

  private setTable(table: boolean): void {
    if (this.state.current?.table === table) return;
    this.setState({ table });
    if (table) this.table.focus();
    else this.panels[0]?.focus();
  }

  /** Moves all panels at once with the points there are; finer ones and the saved state follow when it settles. */
  private setView(wanted: [number, number] | null): void {
    const state = this.state.current;
    if (!state) return;
    const { extent } = this.scenes;
    // Who zooms out beyond the points wants to see new ones come.
    const all = wanted !== null && wanted[0] <= extent[0] && wanted[1] >= extent[1];
    const range = all ? null : wanted;
    if (all) this.drawAll();
    const now = state.range;
    if (now === range || (now && range && now[0] === range[0] && now[1] === range[1])) return;
    this.state.changeUnsaved({ range });
    this.toolbar.update(this.state.current!, this.state.metrics, this.runs.metrics);
    this.drawAll();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.state.saveNow();
      this.store.setView(this.state.current?.range ?? null);
    }, settleMilliseconds);
  }

  private zoomBy(view: PanelView, factor: number): void {
    const range = view.range;
    if (!range) return;
    const middle = this.cursor.x ?? (range[0] + range[1]) / 2;
    const from = Math.max(0, middle - (middle - range[0]) * factor);
    this.setView([from, middle + (range[1] - middle) * factor]);
  }

  private toggleRun(run: string): void {
    const hidden = this.runs.toggled(run);
    this.setState({ hidden });
    this.live.say(`${this.runs.nameOf(run)} ${hidden.includes(run) ? 'hidden' : 'shown'}`);
  }

  private seriesChanged(key: SeriesKey): void {
    for (const view of this.panels)
      if (metricsOf(view.panel).includes(key.metric)) this.scheduler.drawLater(view);
    if (key.metric === this.panels[0]?.panel.metric) this.updateBars();
  }

  private resized(): void {
    const width = Math.max(0, ...this.panels.map((p) => p.width));
    if (width === 0) return;
    this.store.setPixels(width * devicePixelRatio);
    // The cursor stays where only a note below a panel appeared; marks and their words follow the width.
    if (width === this.drawnWidth) {
      if (this.cursor.x !== undefined) this.drawAll();
      return;
    }
    this.drawnWidth = width;
    this.cursor.clear();
    this.drawAll();
  }

  private drawAll(): void {
    for (const view of this.panels) this.scheduler.drawLater(view);
  }

  private draw(dirty: readonly PanelView[]): void {
    if (!this.state.current) return;
    const everyone = this.scenes.measure(this.panels.map((view) => view.panel));
    const views = (everyone ? this.panels : dirty).filter((view) => this.panels.includes(view));
    if (this.state.current.table) this.drawTable();
    else for (const view of views) view.draw(this.scenes.scene(view.panel));
    this.cursor.show();
    this.report.drawn(new Set(views.flatMap((view) => metricsOf(view.panel))));
  }

  private drawTable(): void {
    if (!this.state.current?.table) return;
    const panel = this.table.panel(this.panels.map((v) => v.panel));
    if (panel) this.table.draw(panel, this.scenes.scene(panel));
  }
}
