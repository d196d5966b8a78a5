/** A place in the picture, in pixels; not a number: the line breaks there. */
export interface PixelPoint {
  x: number;
  y: number;
}

/** Of each column of pixels: from where to where a line passes through it. NaN: it does not. */
export interface Columns {
  top: Float32Array;
  bottom: Float32Array;
}

/** The columns of a line of points that ascend in x. */
export function columnsOf(points: readonly PixelPoint[], width: number): Columns {
  const top = new Float32Array(width).fill(Number.NaN);
  const bottom = new Float32Array(width).fill(Number.NaN);
  const reach = (column: number, a: number, b: number): void => {
    if (column < 0 || column >= width) return;
    const low = Math.min(a, b);
    const high = Math.max(a, b);
    if (!(top[column]! <= low)) top[column] = low;
    if (!(bottom[column]! >= high)) bottom[column] = high;
  };
  let before: PixelPoint | undefined;
  for (const point of points) {
    if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) {
      before = undefined;
      continue;
    }
    if (before === undefined) reach(Math.floor(point.x), point.y, point.y);
    else if (point.x >= 0 && before.x < width) segment(before, point, width, reach);
    before = point;
  }
  return { top, bottom };
}

function segment(
  from: PixelPoint,
  to: PixelPoint,
  width: number,
  reach: (column: number, a: number, b: number) => void,
): void {
  const first = Math.floor(from.x);
  const last = Math.floor(to.x);
  if (first === last) {
    reach(first, from.y, to.y);
    return;
  }
  const slope = (to.y - from.y) / (to.x - from.x);
  const heightAt = (x: number) => from.y + (Math.min(to.x, Math.max(from.x, x)) - from.x) * slope;
  for (let column = Math.max(0, first); column <= Math.min(width - 1, last); column++)
    reach(column, heightAt(column), heightAt(column + 1));
}

/** How far a pen goes along the lines, in pixels. */
export function penWay(points: readonly PixelPoint[]): number {
  let way = 0;
  for (let i = 1; i < points.length; i++) {
    const step = Math.abs(points[i]!.x - points[i - 1]!.x) + Math.abs(points[i]!.y - points[i - 1]!.y);
    if (!Number.isNaN(step)) way += step;
  }
  return way;
}

export interface ColumnPen {
  red: number;
  green: number;
  blue: number;
  /** 0 to 1. */
  opacity: number;
  /** Pixels. */
  thickness: number;
  /** Columns on, off, on, …; empty: all are on. */
  dash: readonly number[];
}

/** Fills a line's columns into an RGBA picture. The edges are soft; inside, what is at least as opaque is replaced. */
export function paintColumns(
  picture: { data: Uint8ClampedArray; width: number; height: number },
  { top, bottom }: Columns,
  pen: ColumnPen,
): void {
  const { data, width, height } = picture;
  const on = dashed(width, pen.dash);
  const alpha = Math.round(pen.opacity * 255);
  for (let column = 0; column < width; column++) {
    const middle = top[column]!;
    if (Number.isNaN(middle) || !on[column]) continue;
    const from = Math.max(0, middle - pen.thickness / 2);
    const to = Math.min(height, bottom[column]! + pen.thickness / 2);
    if (to <= from) continue;
    const first = Math.floor(from);
    const last = Math.min(height - 1, Math.floor(to));
    for (let row = first; row <= last; row++) {
      const covered = Math.min(to, row + 1) - Math.max(from, row);
      const at = (row * width + column) * 4;
      if (covered >= 1) {
        if (data[at + 3]! > alpha) continue;
        data[at] = pen.red;
        data[at + 1] = pen.green;
        data[at + 2] = pen.blue;
        data[at + 3] = alpha;
      } else blend(data, at, pen, pen.opacity * covered);
    }
  }
}

function blend(data: Uint8ClampedArray, at: number, pen: ColumnPen, opacity: number): void {
  const under = (data[at + 3]! / 255) * (1 - opacity);
  const whole = opacity + under;
  if (whole <= 0) return;
  data[at] = (pen.red * opacity + data[at]! * under) / whole;
  data[at + 1] = (pen.green * opacity + data[at + 1]! * under) / whole;
  data[at + 2] = (pen.blue * opacity + data[at + 2]! * under) / whole;
  data[at + 3] = whole * 255;
}

/** Which columns a dash leaves: it runs along the axis, so that it is seen in a noisy line as well. */
function dashed(width: number, dash: readonly number[]): Uint8Array {
  const on = new Uint8Array(width).fill(1);
  const period = dash.reduce((sum, part) => sum + part, 0);
  if (!(period > 0)) return on;
  for (let column = 0; column < width; column++) {
    let place = column % period;
    let part = 0;
    while (place >= dash[part]!) place -= dash[part++]!;
    if (part % 2 === 1) on[column] = 0;
  }
  return on;
}
