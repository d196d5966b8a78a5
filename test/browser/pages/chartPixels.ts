import type { Page } from 'playwright-core';

/** What of a chart is looked at: a part of its plot in shares of width and height, from the upper left corner. */
export interface PlotPart {
  metric?: string;
  from?: readonly [x: number, y: number];
  to?: readonly [x: number, y: number];
  /** Pixels of this opacity count, 0 to 255. */
  opacity?: readonly [least: number, most: number];
  /** Only those of the first series' colour. */
  ofFirst?: boolean;
}

/** Pixels of a chart that something was drawn on. */
export interface SeenPixels {
  count: number;
  /** The columns and rows of the canvas that have any, ascending. */
  columns: number[];
  rows: number[];
  /** The plot in the canvas. */
  plot: { left: number; right: number; top: number; bottom: number };
}

/** Finds what a chart has in a part of its plot; a page is one pixel a CSS pixel. */
export function seenPixels(page: Page, part: PlotPart = {}): Promise<SeenPixels> {
  const { metric = 'loss', from = [0, 0], to = [1, 1], opacity = [120, 255], ofFirst = false } = part;
  return page.locator(`canvas[data-metric="${metric}"]`).evaluate(
    (canvas: HTMLCanvasElement, { from, to, opacity, ofFirst }) => {
      const { width, height } = canvas;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
      const first = getComputedStyle(document.body).getPropertyValue('--series-1').match(/\d+/g)!.map(Number);
      // As `charting.ts` lays it out, but for some pixels where labels at the ends take room.
      const plot = { left: 46, right: width - 8, top: 2, bottom: height - 20 };
      const at = (share: readonly [number, number]) => [
        Math.round(plot.left + share[0] * (plot.right - plot.left)),
        Math.round(plot.top + share[1] * (plot.bottom - plot.top)),
      ];
      const [[left, top], [right, bottom]] = [at(from), at(to)];
      const [columns, rows] = [new Set<number>(), new Set<number>()];
      let count = 0;
      for (let x = left!; x < right!; x++)
        for (let y = top!; y < bottom!; y++) {
          const i = (y * width + x) * 4;
          if (data[i + 3]! < opacity[0] || data[i + 3]! > opacity[1]) continue;
          const off = first.reduce((sum, part, c) => sum + Math.abs(data[i + c]! - part), 0);
          if (ofFirst && off > 40) continue;
          count++;
          columns.add(x);
          rows.add(y);
        }
      const ascending = (found: Set<number>) => [...found].sort((a, b) => a - b);
      return { count, columns: ascending(columns), rows: ascending(rows), plot };
    },
    { from, to, opacity, ofFirst },
  );
}

/** Neighbouring rows or columns as one: their middles. */
export function middles(places: readonly number[]): number[] {
  const groups: number[][] = [];
  for (const place of places) {
    const last = groups.at(-1);
    if (last && place - last.at(-1)! <= 1) last.push(place);
    else groups.push([place]);
  }
  return groups.map((group) => (group[0]! + group.at(-1)!) / 2);
}
