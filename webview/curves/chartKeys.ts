import type { Cursor } from './cursor.ts';
import type { ChartKeys } from './keys.ts';
import type { PageState } from './pageState.ts';
import { summaryText } from './panelText.ts';
import type { PanelView } from './panelView.ts';
import type { Scenes } from './scenes.ts';
import type { ViewRange } from './viewRange.ts';
import { panned, type XRange, zoomed } from './xRange.ts';

/** What keys act on. */
export interface KeyTargets {
  state: PageState;
  scenes: Scenes;
  cursor: Cursor;
  view: ViewRange;
  say: (text: string | undefined) => void;
  setRobust: (metric: string, robust: boolean) => void;
  /** Null: none is pinned. */
  setPinned: (metric: string | null) => void;
}

/** What the keys do on this chart. */
export function chartKeys(view: PanelView, on: KeyTargets): ChartKeys {
  const { metric } = view.panel;
  const state = on.state.current;
  const logX = state?.logX ?? false;
  const moveTo = (wanted: (range: XRange) => XRange): void => {
    const range = on.view.moving ?? view.range;
    if (range) on.view.move(wanted(range));
  };
  return {
    walk: (by) => on.say(on.cursor.walk(view, by)),
    leave: () => on.cursor.leave(),
    zoom: (factor) =>
      moveTo((range) => zoomed(range, factor, on.cursor.x ?? (range[0] + range[1]) / 2, logX)),
    pan: (share) => moveTo((range) => panned(range, share, logX)),
    mark: () => {
      const range = on.cursor.markRange();
      on.say(range ? 'Range chosen.' : 'Range begins here. Move the cursor, then press B again.');
      if (range) on.view.set(range);
    },
    say: () => on.say(summaryText(view.panel, on.scenes.scene(view.panel))),
    toggleRobust: () => on.setRobust(metric, !state?.robust.includes(metric)),
    togglePinned: () => on.setPinned(state?.pinned === metric ? null : metric),
  };
}
