import type { Chart, Plugin } from 'chart.js';
import type { CurveDataset } from './datasets.ts';
import { type ColumnPen, columnsOf, paintColumns, penWay } from './lineColumns.ts';

/** From so many pixels of lines on, a chart's lines are painted by columns: stroking them takes longer than a frame. */
const longWay = 60_000;

interface Layer {
  canvas: HTMLCanvasElement;
  image: ImageData;
}
const layers = new WeakMap<Chart, Layer>();
const painted = new WeakMap<Chart, ReadonlySet<number>>();

/** Lines without marks: those can be painted by columns. */
function isLine(dataset: CurveDataset): boolean {
  return !dataset.segment && dataset.fill === false && dataset.pointRadius === 0 && dataset.borderWidth !== 0;
}

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

/**
 * Paints the lines of a chart by columns where they are long: many noisy curves would take a pen far more than a frame.
 * Everything else is drawn by chart.js over them.
 */
export const longLinesPlugin: Plugin<'line'> = {
  id: 'longLines',
  beforeDatasetsDraw(chart) {
    painted.delete(chart);
    const { ctx, chartArea: area, currentDevicePixelRatio: ratio } = chart;
    const datasets = chart.data.datasets as unknown as CurveDataset[];
    const lines = datasets.flatMap((dataset, index) => {
      const pen = isLine(dataset) ? penOf(dataset, ratio) : undefined;
      if (!pen) return [];
      const points = chart.getDatasetMeta(index).data as unknown as { x: number; y: number; skip: boolean }[];
      return [{ dataset, index, pen, points }];
    });
    const way = lines.reduce((sum, line) => sum + penWay(line.points), 0);
    if (way < longWay) return;
    const width = Math.max(1, Math.round((area.right - area.left) * ratio));
    const height = Math.max(1, Math.round((area.bottom - area.top) * ratio));
    const layer = layerOf(chart, width, height);
    for (const { pen, points } of lines.sort((a, b) => (b.dataset.order ?? 0) - (a.dataset.order ?? 0))) {
      const pixels = points.map(({ x, y, skip }) => ({
        x: (x - area.left) * ratio,
        y: skip ? Number.NaN : (y - area.top) * ratio,
      }));
      paintColumns(layer.image, columnsOf(pixels, width), pen);
    }
    layer.canvas.getContext('2d')!.putImageData(layer.image, 0, 0);
    ctx.drawImage(layer.canvas, area.left, area.top, width / ratio, height / ratio);
    painted.set(chart, new Set(lines.map((line) => line.index)));
  },
  beforeDatasetDraw(chart, { index }) {
    return painted.get(chart)?.has(index) ? false : undefined;
  },
};
