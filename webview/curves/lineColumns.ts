/** A line's places in a picture, in pixels; not a number: it breaks there. */
export interface PixelLine {
  x: Float64Array;
  y: Float64Array;
}

/** Of each column of pixels: from where to where a line passes through it. NaN: it does not. */
export interface Columns {
  top: Float32Array;
  bottom: Float32Array;
}

/** Pixels down or up for one to the right; steeper lines pass through both their columns as a whole. */
const steep = 1e9;

/** The columns of a line of points that ascend in x. */
export function columnsOf({ x, y }: PixelLine, width: number): Columns {
  const top = new Float32Array(width).fill(Number.NaN);
  const bottom = new Float32Array(width).fill(Number.NaN);
  let joined = false;
  for (let i = 0; i < x.length; i++) {
    const toX = x[i]!;
    const toY = y[i]!;
    if (!Number.isFinite(toX) || !Number.isFinite(toY)) {
      joined = false;
      continue;
    }
    const fromX = joined ? x[i - 1]! : toX;
    const fromY = joined ? y[i - 1]! : toY;
    joined = true;
    if (toX < 0 || fromX >= width) continue;
    const slope = (toY - fromY) / (toX - fromX);
    const last = Math.min(width - 1, Math.floor(toX));
    for (let column = Math.max(0, Math.floor(fromX)); column <= last; column++) {
      // Where the line enters this column and where it leaves it. No function is called: there are many of them.
      let enters = column <= fromX ? fromY : fromY + (column - fromX) * slope;
      let leaves = column + 1 >= toX ? toY : fromY + (column + 1 - fromX) * slope;
      // Of points that nearly lie over each other the slope is no number of use.
      if (!(slope < steep && slope > -steep)) [enters, leaves] = [fromY, toY];
      const low = enters < leaves ? enters : leaves;
      const high = enters < leaves ? leaves : enters;
      if (!(top[column]! <= low)) top[column] = low;
      if (!(bottom[column]! >= high)) bottom[column] = high;
    }
  }
  return { top, bottom };
}

/** How far a pen goes along the line, in pixels. */
export function penWay({ x, y }: PixelLine): number {
  let way = 0;
  for (let i = 1; i < x.length; i++) {
    const step = Math.abs(x[i]! - x[i - 1]!) + Math.abs(y[i]! - y[i - 1]!);
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
  // A pixel at once, in the order of bytes of every machine that runs VS Code.
  const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const full = ((alpha << 24) | (pen.blue << 16) | (pen.green << 8) | pen.red) >>> 0;
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
      const at = row * width + column;
      if (covered < 1) blend(data, at * 4, pen, pen.opacity * covered);
      else if (pixels[at]! >>> 24 <= alpha) pixels[at] = full;
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
