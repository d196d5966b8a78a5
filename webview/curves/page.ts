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
import { chartKeys } from './chartKeys.ts';
import { Cursor } from './cursor.ts';
import { DataTable } from './dataTable.ts';
import { DrawnReport } from './drawnReport.ts';
import { type DrawReason, DrawScheduler } from './drawScheduler.ts';
import { emptyState } from './emptyState.ts';
import { exportCharts } from './exportCharts.ts';
import { GroupLegend } from './groupLegend.ts';
import { onChartKey, onPageKey } from './keys.ts';
import { Legend } from './legend.ts';
import { LineExtender } from './lineExtender.ts';
import { LiveNews } from './liveNews.ts';
import { PageState } from './pageState.ts';
import { PanelLayout } from './panelLayout.ts';
import { metricsOf, type Panel } from './panels.ts';
import { newsText } from './panelText.ts';
import type { PanelEvents, PanelView } from './panelView.ts';
import { Scenes } from './scenes.ts';
import { SeriesOnShow } from './seriesOnShow.ts';
import { type SeriesKey, SeriesStore, type SeriesX } from './seriesStore.ts';
import { ShownRuns } from './shownRuns.ts';
import { Toolbar } from './toolbar.ts';
import { ViewRange } from './viewRange.ts';

/** How often the bars follow new points, and how long scrolling rests before other charts are made. */
const barsMilliseconds = 250;
const scrollMilliseconds = 80;

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
  private readonly extender: LineExtender<PanelView>;
  private readonly scheduler = new DrawScheduler<PanelView>(
    (view) => this.draw(view),
    (busy) => this.layout.element.setAttribute('aria-busy', String(busy)),
  );
  private readonly layout = new PanelLayout(this.panelEvents(), (view) => {
    this.scheduler.forget(view);
    this.extender.forget(view);
  });
  private readonly view: ViewRange;
  private readonly series: SeriesOnShow;
  private readonly toolbar: Toolbar;
  private readonly legend: Legend;
  private readonly groups = new GroupLegend();
  private readonly table: DataTable;
  private readonly live = new LiveRegion();
  private readonly news = new LiveNews((runs) => this.tellNews(runs));
  private readonly empty: HTMLElement;
  private barsLater: ReturnType<typeof setTimeout> | undefined;
  private scrolling: ReturnType<typeof setTimeout> | undefined;
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
    this.cursor = new Cursor(
      this.state,
      this.runs,
      this.scenes,
      () => this.layout.views,
      (x) => this.tellLinked({ cursor: x }),
    );
    this.report = new DrawnReport(this.store);
    this.extender = new LineExtender(this.report, (view, reason) => this.scheduler.drawLater(view, reason));
    this.view = new ViewRange(this.state, this.scenes, {
      move: (range) => {
        for (const view of this.layout.views) view.move(range);
      },
      draw: () => this.drawAll(),
      changed: (range, tell) => {
        this.updateToolbar();
        if (tell) this.tellLinked({ range });
      },
      settled: (range) => this.store.setView(range),
    });
    this.series = new SeriesOnShow(this.state, this.store, this.scenes, {
      show: (series) => this.channel.post({ type: 'show', series }),
      late: () => {
        for (const view of this.layout.views)
          if (this.scenes.isLoading(view.panel.metric)) this.scheduler.drawLater(view);
      },
    });
    const pickRuns = () => this.channel.post({ type: 'pickRuns' });
    this.toolbar = new Toolbar({
      pickRuns,
      change: (change) => this.setState(change),
      setX: (x, logX) => this.setX(x, logX),
      setSmoothing: (smoothing) => this.setSmoothing(smoothing),
      setTable: (table) => this.setTable(table),
      resetView: () => this.view.set(null),
      exportAs: (format) =>
        exportCharts(format, this.layout.views, this.runs, this.scenes.theme, (message, binary) =>
          this.channel.post(message, binary),
        ),
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
    this.layout.element.append(this.cursor.card.element);
    root.append(
      this.toolbar.element,
      this.empty,
      html('div', {
        class: 'content',
        children: [this.legend.element, this.groups.element, this.layout.element, this.table.element],
      }),
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
          x: () => this.setX(state.x, !state.logX),
          g: () => this.setState({ groupSeeds: !state.groupSeeds }),
          a: () => this.setState({ all: !state.all }),
          '0': () => this.view.set(null),
        });
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.channel.post({ type: 'ready' });
    });
    document.addEventListener('scroll', () => this.scrolled(), { passive: true });
    window.addEventListener('resize', () => this.scrolled());
    onThemeChange(() => {
      this.scenes.theme = readTheme();
      this.drawAll();
    });
    new ResizeObserver(() => this.resized()).observe(this.layout.element);
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
        return;
      case 'linked': {
        const state = this.state.current;
        const { x, cursor, range } = message.view;
        if (!state?.linked || state.x !== x) return;
        this.cursor.follow(cursor);
        if (range !== undefined) this.view.set(range, false);
      }
    }
  }

  private takeDeltas(deltas: readonly PointsDelta[], binary: ArrayBuffer): void {
    let offset = 0;
    const focused = this.focused?.panel.metric;
    for (const delta of deltas) {
      const end = offset + delta.points * bytesPerPoint;
      const changed = this.store.appended(delta, binary.slice(offset, end));
      if (changed && delta.metric === focused) this.news.arrived(delta.run);
      offset = end;
    }
  }

  private takeSnapshot(state: CurvesState): void {
    this.state.current = state;
    this.runs.slots.restore(state.styles);
    this.channel.saveState(state);
    this.series.begin(state);
    this.layOut();
    this.store.setView(state.range);
  }

  /** Makes the panels that state and runs ask for, then draws everything. */
  private layOut(): void {
    if (!this.state.current) return;
    if (this.runs.slots.keep(this.state.current.runs)) this.state.change({ styles: this.runs.slots.saved });
    const none = this.runs.shown.length === 0;
    const { table } = this.state.current;
    this.empty.hidden = !none;
    this.layout.element.hidden = none || table;
    this.table.element.hidden = none || !table;
    this.legend.element.hidden = none;
    this.layout.update(this.state.current, this.state.metricsOf(this.runs.metrics), this.runs.metrics);
    this.series.show(this.runs.shown, this.panels);
    this.updateBars();
    this.drawAll();
  }

  private panelEvents(): PanelEvents {
    return {
      move: (range) => this.view.move(range),
      ended: () => this.view.end(),
      reset: () => this.view.set(null),
      moving: () => this.view.moving,
      pointed: (panel, x, height) => this.cursor.pointed(panel, x, height),
      key: (panel, event) =>
        onChartKey(
          event,
          chartKeys(panel, {
            ...{ state: this.state, scenes: this.scenes, cursor: this.cursor, view: this.view },
            say: (text) => this.say(text),
            setRobust: (metric, robust) => this.setRobust(metric, robust),
            setPinned: (metric) => this.setState({ pinned: metric }),
          }),
        ),
      tools: {
        setRobust: (metric, robust) => this.setRobust(metric, robust),
        setPinned: (metric, pinned) => this.setState({ pinned: pinned ? metric : null }),
      },
    };
  }

  private say(text: string | undefined): void {
    if (text === undefined) return;
    this.live.say(text);
    this.news.said();
  }

  private tellNews(runs: ReadonlySet<string>): void {
    const { focused } = this;
    const text = focused ? newsText(focused.panel, this.scenes.scene(focused.panel), runs) : '';
    if (text !== '') this.live.say(text);
  }

  private get focused(): PanelView | undefined {
    return this.layout.views.find((view) => view.hasFocus);
  }

  private get panels(): Panel[] {
    return this.layout.views.map((view) => view.panel);
  }

  private updateToolbar(): void {
    if (this.state.current)
      this.toolbar.update(this.state.current, this.state.metricsOf(this.runs.metrics), this.runs.metrics);
  }

  private updateBars(): void {
    clearTimeout(this.barsLater);
    this.barsLater = undefined;
    const state = this.state.current;
    if (!state) return;
    const styleOf = (id: string) => this.runs.styleOf(id);
    this.updateToolbar();
    this.groups.update(this.runs.groups, state.groupSeeds && this.runs.shown.length > 0, styleOf);
    this.legend.update(this.runs.shown, new Set(state.hidden), styleOf, (run) =>
      this.store.problemOf(run, this.layout.views[0]?.panel.metric ?? ''),
    );
  }

  private runsChanged(): void {
    const state = this.state.current;
    if (!state) return;
    const others = this.layout.differs(state, this.state.metricsOf(this.runs.metrics), this.runs.metrics);
    if (others || (this.runs.shown.length === 0) !== !this.empty.hidden) {
      this.layOut();
      return;
    }
    this.series.show(this.runs.shown, this.panels);
    this.updateBars();
    // A panel without points says what its runs do.
    for (const view of this.layout.views) if (!view.hasPicture) this.scheduler.drawLater(view);
  }

  private setState(change: Partial<CurvesState>): void {
    if (this.state.change(change)) this.layOut();
  }

  private setRobust(metric: string, robust: boolean): void {
    const others = (this.state.current?.robust ?? []).filter((each) => each !== metric);
    this.setState({ robust: robust ? [...others, metric] : others });
  }

  private setX(x: SeriesX, logX: boolean): void {
    const state = this.state.current;
    if (!state || (state.x === x && state.logX === logX)) return;
    this.cursor.clear();
    this.view.cancel();
    this.store.setView(null);
    // A range of steps is no range of tokens: another axis starts with everything.
    this.setState({ x, logX, range: null });
    if (state.x !== x) this.series.refresh();
  }

  private setSmoothing(smoothing: number | null): void {
    if (!this.state.current || this.state.current.smoothing === smoothing) return;
    this.setState({ smoothing });
    this.series.refresh();
  }

  private setTable(table: boolean): void {
    if (this.state.current?.table === table) return;
    if (this.focused) this.table.choose(this.focused.panel.metric);
    this.setState({ table });
    if (table) this.table.focus();
    else this.layout.views[0]?.focus();
  }

  private tellLinked(view: { cursor?: number | null; range?: [number, number] | null }): void {
    const state = this.state.current;
    if (state?.linked)
      this.channel.post({
        type: 'linked',
        view: { x: state.x, cursor: view.cursor ?? this.cursor.x ?? null, range: view.range },
      });
  }

  private toggleRun(run: string): void {
    const hidden = this.runs.toggled(run);
    this.setState({ hidden });
    this.say(`${this.runs.nameOf(run)} ${hidden.includes(run) ? 'hidden' : 'shown'}`);
  }

  private seriesChanged(key: SeriesKey): void {
    this.report.add(key);
    for (const view of this.layout.views) {
      if (!metricsOf(view.panel).includes(key.metric)) continue;
      if (this.state.current?.table) this.scheduler.drawLater(view, 'points');
      else this.extender.later(view, key);
    }
    if (key.metric === this.layout.views[0]?.panel.metric)
      this.barsLater ??= setTimeout(() => this.updateBars(), barsMilliseconds);
  }

  private scrolled(): void {
    if (!this.state.current?.all) return;
    clearTimeout(this.scrolling);
    this.scrolling = setTimeout(() => {
      const state = this.state.current;
      if (
        state?.all &&
        this.layout.differs(state, this.state.metricsOf(this.runs.metrics), this.runs.metrics)
      )
        this.layOut();
    }, scrollMilliseconds);
  }

  private resized(): void {
    const width = Math.max(0, ...this.layout.views.map((view) => view.width));
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

  private drawAll(reason: DrawReason = 'person'): void {
    for (const view of this.layout.views) this.scheduler.drawLater(view, reason);
  }

  private draw(view: PanelView): void {
    if (!this.state.current) return;
    if (this.scenes.measure(this.panels)) this.drawAll('points');
    if (this.state.current.table) this.drawTable(view);
    // While a gesture lasts the last picture is moved: a new one would be of another range.
    else if (this.view.moving) {
      this.scheduler.drawLater(view, 'points');
      return;
    } else view.draw(this.scenes.scene(view.panel));
    this.cursor.show();
    this.report.drawn(new Set(metricsOf(view.panel)));
  }

  /** `drawn`: whose points changed; the table shows those of one panel. */
  private drawTable(drawn?: PanelView): void {
    if (!this.state.current?.table) return;
    const panel = this.table.panel(this.panels);
    if (panel && (drawn === undefined || drawn.panel === panel))
      this.table.draw(panel, this.scenes.scene(panel));
  }
}
