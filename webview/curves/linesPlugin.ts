import type { Chart, Plugin, Scale } from 'chart.js';
import { type CurvePoint, firstAtOrAfter } from '../../src/core/liveSeries.ts';
import type { CurveDataset } from './datasets.ts';
import { type ColumnPen, columnsOf, type PixelLine, paintColumns, penWay } from './lineColumns.ts';

/** From so many pixels of lines on, a chart's lines are painted by columns: stroking them takes longer than a frame. */
const longWay = 60_000;

interface Layer {
  canvas: HTMLCanvasElement;
  image: ImageData;
}
const layers = new WeakMap<Chart, Layer>();

/** A line as it is in the picture. */
interface DrawnLine {
  dataset: CurveDataset;
  /** In CSS pixels; what was added since the drawing is not in it. */
  line: PixelLine;
  /** How many of the dataset's points were there, and the last of them. */
  count: number;
  last: CurvePoint | undefined;
  /** Where the line ended when the chart was drawn. CSS pixels. */
  end: number;
}

/** The lines of a drawing, by the index of their dataset. */
interface Drawing {
  lines: ReadonlyMap<number, DrawnLine>;
  how: 'stroked' | 'painted together' | 'painted';
}
const drawings = new WeakMap<Chart, Drawing>();

function layerOf(chart: Chart, width: number, height: number): Layer {
  const before = layers.get(chart);
  if (before && before.image.width === width && before.image.height === height) {
    before.image.data.fill(0);
    return before;
  }
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const layer = { canvas, image: new ImageData(width, height) };
  layers.set(chart, layer);
  return layer;
}

function penOf(dataset: CurveDataset, ratio: number): ColumnPen | undefined {
  const parts = /^rgba?\((\d+), ?(\d+), ?(\d+)(?:, ?([\d.]+))?\)$/.exec(dataset.borderColor as string);
  if (!parts) return undefined;
  const [red, green, blue, opacity = 1] = parts
    .slice(1)
    .map((part) => (part === undefined ? 1 : Number(part)));
  return {
    ...{ red: red!, green: green!, blue: blue!, opacity },
    thickness: Number(dataset.borderWidth) * ratio,
    dash: ((dataset.borderDash ?? []) as number[]).map((part) => Math.round(part * ratio)),
  };
}

/** Places on a scale in CSS pixels, without asking it for each: there are tens of thousands. */
function placesOn(scale: Scale): (value: number) => number {
  const { min, max } = scale;
  const [from, to] = [scale.getPixelForValue(min), scale.getPixelForValue(max)];
  if (scale.type === 'logarithmic' && min > 0 && max > min) {
    const first = Math.log10(min);
    const each = (to - from) / (Math.log10(max) - first);
    return (value) => (value > 0 ? from + (Math.log10(value) - first) * each : Number.NaN);
  }
  const each = (to - from) / (max - min);
  if (scale.type === 'linear' && Number.isFinite(each)) return (value) => from + (value - min) * each;
  return (value) => scale.getPixelForValue(value);
}

/** The points in view, and one more on both sides so that the line leaves the picture. */
function lineInView(points: readonly CurvePoint[], scales: Chart['scales']): PixelLine {
  const first = Math.max(0, firstAtOrAfter(points, scales.x!.min) - 1);
  let end = first;
  while (end < points.length && points[end]!.x <= scales.x!.max) end++;
  return pixelLine(points, first, Math.min(points.length, end + 1), scales);
}

/** Points [first, end) in CSS pixels. */
function pixelLine(
  points: readonly CurvePoint[],
  first: number,
  end: number,
  { x, y }: Chart['scales'],
): PixelLine {
  const count = end - first;
  const line = { x: new Float64Array(count), y: new Float64Array(count) };
  const [xOf, yOf] = [placesOn(x!), placesOn(y!)];
  for (let i = 0; i < count; i++) {
    const point = points[first + i]!;
    line.x[i] = xOf(point.x);
    line.y[i] = yOf(point.y);
  }
  return line;
}

function inPlot(chart: Chart, overlap: number, draw: () => void): void {
  const { ctx, chartArea: area } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(area.left - overlap, area.top - overlap, area.width + 2 * overlap, area.height + 2 * overlap);
  ctx.clip();
  draw();
  ctx.restore();
}

function stroke(chart: Chart, dataset: CurveDataset, { x, y }: PixelLine): void {
  const { ctx } = chart;
  inPlot(chart, Number(dataset.borderWidth) / 2, () => {
    ctx.strokeStyle = dataset.borderColor as string;
    ctx.lineWidth = Number(dataset.borderWidth);
    ctx.lineJoin = 'round';
    ctx.setLineDash(dataset.borderDash as number[]);
    ctx.beginPath();
    let down = false;
    for (let i = 0; i < x.length; i++) {
      const drawn = Number.isFinite(x[i]!) && Number.isFinite(y[i]!);
      if (drawn && down) ctx.lineTo(x[i]!, y[i]!);
      else if (drawn) ctx.moveTo(x[i]!, y[i]!);
      down = drawn;
    }
    ctx.stroke();
  });
}

function paintAll(chart: Chart, { lines }: Drawing): void {
  const { ctx, chartArea: area, currentDevicePixelRatio: ratio } = chart;
  const width = Math.max(1, Math.round(area.width * ratio));
  const height = Math.max(1, Math.round(area.height * ratio));
  const layer = layerOf(chart, width, height);
  const inOrder = [...lines.values()].sort((a, b) => (b.dataset.order ?? 0) - (a.dataset.order ?? 0));
  for (const { dataset, line } of inOrder) {
    const pen = penOf(dataset, ratio);
    if (!pen) continue;
    const pixels = {
      x: line.x.map((x) => (x - area.left) * ratio),
      y: line.y.map((y) => (y - area.top) * ratio),
    };
    paintColumns(layer.image, columnsOf(pixels, width), pen);
  }
  layer.canvas.getContext('2d')!.putImageData(layer.image, 0, 0);
  ctx.drawImage(layer.canvas, area.left, area.top, width / ratio, height / ratio);
}

/**
 * Draws the lines of a chart: chart.js keeps an element for each point, which takes many curves far more than a frame.
 * Where they are long they are painted by columns, all at once in the place of the first one.
 */
export const linesPlugin: Plugin<'line'> = {
  id: 'lines',
  beforeDatasetsDraw(chart) {
    const lines = new Map<number, DrawnLine>();
    let way = 0;
    for (const [index, dataset] of (chart.data.datasets as unknown as CurveDataset[]).entries()) {
      if (!dataset.line) continue;
      const { points } = dataset;
      const line = lineInView(points, chart.scales);
      lines.set(index, {
        ...{ dataset, line, count: points.length, last: points.at(-1) },
        end: line.x.at(-1) ?? 0,
      });
      if (way < longWay) way += penWay(line);
    }
    drawings.set(chart, { lines, how: way < longWay ? 'stroked' : 'painted together' });
  },
  beforeDatasetDraw(chart, { index }) {
    const drawing = drawings.get(chart);
    const mine = drawing?.lines.get(index);
    if (!drawing || !mine) return undefined;
    if (drawing.how === 'stroked') stroke(chart, mine.dataset, mine.line);
    else if (drawing.how === 'painted together') {
      paintAll(chart, drawing);
      drawing.how = 'painted';
    }
    return false;
  },
};

/**
 * Adds to the picture what its lines gained since, where that continues them inside the plot: a drawing of all of them
 * costs many times as much. Ends of lines, averages, marks and scales follow with the next drawing. Returns the datasets
 * whose newest point is in the picture now, and by how many pixels the line is longer that grew most since the drawing.
 */
export function extendLines(chart: Chart): { extended: CurveDataset[]; grown: number } {
  const { x, y } = chart.scales;
  const extended: CurveDataset[] = [];
  let grown = 0;
  for (const drawn of drawings.get(chart)?.lines.values() ?? []) {
    const { dataset, count, last } = drawn;
    const { points } = dataset;
    // Points that were taken back, or lie outside, need another drawing.
    if (points.length <= count || points[count - 1] !== last || points.at(-1)!.x > x!.max) continue;
    const outside = ({ y: value }: CurvePoint): boolean => !(value >= y!.min && value <= y!.max);
    if (points.slice(count).some(outside)) continue;
    const added = pixelLine(points, Math.max(0, count - 1), points.length, chart.scales);
    stroke(chart, dataset, added);
    drawn.count = points.length;
    drawn.last = points.at(-1);
    grown = Math.max(grown, added.x.at(-1)! - drawn.end);
    extended.push(dataset);
  }
  return { extended, grown };
}
