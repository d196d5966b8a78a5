import type { RunSummary } from '../../src/protocol/controlApi.ts';
import type { CurvesState } from '../../src/protocol/pageMessages.ts';
import type { PageState } from './pageState.ts';
import { isOwnMark, metricsOf, type Panel } from './panels.ts';
import type { Scenes } from './scenes.ts';
import type { SeriesKey, SeriesStore } from './seriesStore.ts';

/** How long points may be under way before the page says so. */
const momentMilliseconds = 400;

export interface SeriesOnShowEvents {
  /** From now on deltas of these are wanted. */
  show: (series: SeriesKey[]) => void;
  /** What is not here by now is said to be loading. */
  late: () => void;
}

/** Which series are followed: those of the panels, of all runs on show. */
export class SeriesOnShow {
  private shownKey = '';
  private moment: ReturnType<typeof setTimeout> | undefined;
  private readonly state: PageState;
  private readonly store: SeriesStore;
  private readonly scenes: Scenes;
  private readonly events: SeriesOnShowEvents;

  constructor(state: PageState, store: SeriesStore, scenes: Scenes, events: SeriesOnShowEvents) {
    this.state = state;
    this.store = store;
    this.scenes = scenes;
    this.events = events;
  }

  /** The extension knows nothing of what was shown: it is told, and asked for points, when it is shown next. */
  begin({ x, smoothing }: Pick<CurvesState, 'x' | 'smoothing'>): void {
    this.shownKey = '';
    this.store.begin(x, smoothing);
  }

  /** Tells store and extension what is on show. Hidden runs are followed too: a click shows them at once. */
  show(runs: readonly RunSummary[], panels: readonly Panel[]): void {
    const keys = runs.flatMap((run) =>
      panels.flatMap((panel) =>
        metricsOf(panel)
          .filter(
            (metric) =>
              metric === panel.metric || (run.metrics.includes(metric) && isOwnMark(metric, run.phases)),
          )
          .map((metric) => ({ run: run.run, metric })),
      ),
    );
    const key = JSON.stringify(keys);
    if (key === this.shownKey) return;
    this.shownKey = key;
    // First the deltas, then the snapshots: nothing falls between.
    this.events.show(keys);
    this.store.show(keys);
    this.wait();
  }

  /** Asks for everything anew. */
  refresh(): void {
    const state = this.state.current;
    if (!state) return;
    this.store.refresh(state.x, state.smoothing);
    this.wait();
  }

  private wait(): void {
    clearTimeout(this.moment);
    this.scenes.moment = true;
    this.moment = setTimeout(() => {
      this.scenes.moment = false;
      this.events.late();
    }, momentMilliseconds);
  }
}
