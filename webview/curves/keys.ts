import { isTyping } from '../common/dom.ts';

/** What keys do while a chart has the focus. */
export interface ChartKeys {
  /** Walks the cursor by so many points. */
  walk: (by: number) => void;
  /** Takes the cursor away; returns whether there was one. */
  leave: () => boolean;
  /** The view becomes this many times as wide. */
  zoom: (factor: number) => void;
}

const walks: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  PageUp: -25,
  PageDown: 25,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};
const zooms: Readonly<Record<string, number>> = { '+': 0.5, '-': 2 };

export function onChartKey(event: KeyboardEvent, keys: ChartKeys): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const walk = walks[event.key];
  const zoom = zooms[event.key];
  if (walk !== undefined) keys.walk(walk * (event.shiftKey ? 10 : 1));
  else if (zoom !== undefined) keys.zoom(zoom);
  else if (event.key !== 'Escape' || !keys.leave()) return;
  event.preventDefault();
}

/** Keys anywhere on the page. */
export type PageKeys = Readonly<Record<string, () => void>>;

export function onPageKey(event: KeyboardEvent, keys: PageKeys): void {
  if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event)) return;
  const press = keys[event.key];
  if (!press) return;
  press();
  event.preventDefault();
}
