import { isTyping } from '../common/dom.ts';

/** What keys do while a chart has the focus. */
export interface ChartKeys {
  /** Walks the cursor by so many points. */
  walk: (by: number) => void;
  /** Takes the cursor away; returns whether there was one. */
  leave: () => boolean;
  /** The view becomes this many times as wide. */
  zoom: (factor: number) => void;
  /** The view moves to the right by this share of its width. */
  pan: (share: number) => void;
  /** Begins or ends a range at the cursor. */
  mark: () => void;
  /** Says what the chart shows. */
  say: () => void;
  toggleRobust: () => void;
  togglePinned: () => void;
}

const walks: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  PageUp: -25,
  PageDown: 25,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};
const zooms: Readonly<Record<string, number>> = { '+': 0.5, '=': 0.5, '-': 2 };
const pans: Readonly<Record<string, number>> = { '[': -0.25, ']': 0.25 };

export function onChartKey(event: KeyboardEvent, keys: ChartKeys): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { key } = event;
  const plain: Readonly<Record<string, () => void>> = {
    b: keys.mark,
    i: keys.say,
    r: keys.toggleRobust,
    p: keys.togglePinned,
  };
  if (walks[key] !== undefined) keys.walk(walks[key] * (event.shiftKey ? 10 : 1));
  else if (zooms[key] !== undefined) keys.zoom(zooms[key]);
  else if (pans[key] !== undefined) keys.pan(pans[key]);
  else if (plain[key.toLowerCase()]) plain[key.toLowerCase()]!();
  else if (key !== 'Escape' || !keys.leave()) return;
  event.preventDefault();
}

/** Keys anywhere on the page. */
export type PageKeys = Readonly<Record<string, () => void>>;

export function onPageKey(event: KeyboardEvent, keys: PageKeys): void {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || isTyping(event)) return;
  const press = keys[event.key.toLowerCase()];
  if (!press) return;
  press();
  event.preventDefault();
}
