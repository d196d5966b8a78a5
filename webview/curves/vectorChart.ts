import { svg } from '../common/dom.ts';
import type { Marker } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import type { CurveChart } from './charting.ts';
import { edgeMarks, type Plot } from './chartMarks.ts';
import type { CurveDataset } from './datasets.ts';

let clips = 0;

/** A chart as a vector drawing of the same size: every line is a path, every word is text. */
export function vectorChart(chart: CurveChart, theme: ThemeColours): SVGGElement {
  const { chartArea: area, scales } = chart;
  const plot: Plot = {
    area,
    x: (value) => scales.x!.getPixelForValue(value),
    y: (value) => scales.y!.getPixelForValue(value),
  };
  const datasets = chart.data.datasets as unknown as CurveDataset[];
  const clip = `plot-${clips++}`;
  const bounds = { x: area.left, y: area.top, width: area.right - area.left, height: area.bottom - area.top };
  return svg('g', {
    children: [
      svg('clipPath', { attributes: { id: clip }, children: [svg('rect', { attributes: bounds })] }),
      ...axes(chart, theme),
      svg('g', {
        attributes: { 'clip-path': `url(#${clip})` },
        children: [
          ...phaseLines(chart),
          // What lies on top comes last, as chart.js draws it.
          ...datasets
            .map((dataset, index) => ({ dataset, next: datasets[index + 1] }))
            .sort((a, b) => (b.dataset.order ?? 0) - (a.dataset.order ?? 0))
            .flatMap(({ dataset, next }) => curve(dataset, next, plot)),
        ],
      }),
      ...edgeMarks(datasets, plot).map(({ kind, dataset, x, y }) =>
        marker(
          kind === 'notFinite' ? 'cross' : kind === 'checkpoint' ? 'rectRot' : dataset.style.marker,
          x,
          y,
          {
            size: kind === 'checkpoint' ? 3 : 4,
            stroke: dataset.backgroundColor as string,
            fill: kind === 'end' ? (dataset.backgroundColor as string) : 'none',
            width: 1.5,
          },
        ),
      ),
    ],
  });
}

/** A CSS colour as attributes that every reader of SVG knows: opacity apart from colour. */
export function paint(kind: 'stroke' | 'fill', colour: string): Record<string, string> {
  const parts = /^rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)$/.exec(colour);
  if (!parts) return { [kind]: colour };
  const [, red, green, blue, opacity] = parts;
  return { [kind]: `rgb(${red}, ${green}, ${blue})`, [`${kind}-opacity`]: opacity! };
}

/** Words in the picture. */
export function words(
  text: string,
  x: number,
  y: number,
  theme: ThemeColours,
  { anchor = 'start', size = 11, colour = theme.muted, bold = false } = {},
): SVGTextElement {
  return svg('text', {
    text,
    attributes: {
      ...{ x: round(x), y: round(y), 'text-anchor': anchor, 'font-size': size, 'font-family': theme.font },
      ...paint('fill', colour),
      ...(bold ? { 'font-weight': 600 } : {}),
    },
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function axes(chart: CurveChart, theme: ThemeColours): SVGElement[] {
  const { chartArea: area, scales } = chart;
  const colour = (chart.options.scales!.y!.grid as { color: string }).color;
  const line = (x1: number, y1: number, x2: number, y2: number) =>
    svg('line', {
      attributes: { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), ...paint('stroke', colour) },
    });
  const text = (label: unknown) => (Array.isArray(label) ? label.join(' ') : String(label ?? ''));
  const valued = (chart.options.scales!.y!.ticks as { display?: boolean }).display !== false;
  return [
    line(area.left, area.bottom, area.right, area.bottom),
    ...scales.y!.ticks.flatMap((tick, index) => {
      const at = scales.y!.getPixelForTick(index);
      return [
        line(area.left, at, area.right, at),
        ...(valued ? [words(text(tick.label), area.left - 6, at + 4, theme, { anchor: 'end' })] : []),
      ];
    }),
    ...scales.x!.ticks.map((tick, index) =>
      words(text(tick.label), scales.x!.getPixelForTick(index), area.bottom + 16, theme, {
        anchor: 'middle',
      }),
    ),
  ];
}

function phaseLines(chart: CurveChart): SVGElement[] {
  const { chartArea: area, scales } = chart;
  const marks = chart.options.plugins?.annotation?.annotations ?? {};
  return Object.values(marks as Record<string, { xMin: number; borderColor: string }>).map((mark) => {
    const x = round(scales.x!.getPixelForValue(mark.xMin));
    return svg('line', {
      attributes: {
        ...{ x1: x, x2: x, y1: area.top, y2: area.bottom, 'stroke-dasharray': '3 3' },
        ...paint('stroke', mark.borderColor),
      },
    });
  });
}

function curve(dataset: CurveDataset, next: CurveDataset | undefined, plot: Plot): SVGElement[] {
  const shapes: SVGElement[] = [];
  if (dataset.fill === '+1' && next) {
    const d = bandPath(dataset, next, plot);
    if (d)
      shapes.push(svg('path', { attributes: { d, ...paint('fill', dataset.backgroundColor as string) } }));
  }
  const width = Number(dataset.borderWidth ?? 0);
  const marks = Number(dataset.pointRadius ?? 0);
  const joined = dataset.segment ? undefined : linePath(dataset, plot);
  if (joined && width > 0)
    shapes.push(
      svg('path', {
        attributes: {
          ...{ d: joined, fill: 'none', 'stroke-width': width, 'stroke-linejoin': 'round' },
          ...paint('stroke', dataset.borderColor as string),
          'stroke-dasharray': (dataset.borderDash as number[] | undefined)?.join(' ') || undefined,
        },
      }),
    );
  if (marks > 0)
    for (const point of dataset.points) {
      const [x, y] = [plot.x(point.x), plot.y(point.y)];
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      const looks = {
        size: marks,
        stroke: dataset.pointBorderColor as string,
        fill: dataset.pointBackgroundColor as string,
        width: Number(dataset.pointBorderWidth ?? 1),
      };
      shapes.push(marker(dataset.style.marker, x, y, looks));
    }
  return shapes;
}

/** The line in pieces, which ends where a value has no place. */
function linePath(dataset: CurveDataset, plot: Plot): string {
  let d = '';
  let pen = 'M';
  for (const point of dataset.points) {
    const [x, y] = [plot.x(point.x), plot.y(point.y)];
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      pen = 'M';
      continue;
    }
    d += `${pen}${round(x)} ${round(y)}`;
    pen = 'L';
  }
  return d;
}

/** One closed shape for each piece of a band. */
function bandPath(upper: CurveDataset, lower: CurveDataset, plot: Plot): string {
  let d = '';
  let piece: [x: number, top: number, bottom: number][] = [];
  const close = (): void => {
    if (piece.length > 1) {
      const there = piece.map(([x, top]) => `${round(x)} ${round(top)}`);
      const back = piece.toReversed().map(([x, , bottom]) => `${round(x)} ${round(bottom)}`);
      d += `M${[...there, ...back].join('L')}Z`;
    }
    piece = [];
  };
  for (const [index, point] of upper.points.entries()) {
    const [x, top, bottom] = [plot.x(point.x), plot.y(point.y), plot.y(lower.points[index]!.y)];
    if ([x, top, bottom].every(Number.isFinite)) piece.push([x, top, bottom]);
    else close();
  }
  close();
  return d;
}

const outlines: Record<Exclude<Marker, 'circle'> | 'cross', string> = {
  rect: 'M-.8 -.8H.8V.8H-.8z',
  triangle: 'M0 -1L.87 .5H-.87z',
  rectRot: 'M0 -1L1 0L0 1L-1 0z',
  triangleDown: 'M0 1L-.87 -.5H.87z',
  triangleRight: 'M1 0L-.5 .87V-.87z',
  cross: 'M-.75 -.75L.75 .75M.75 -.75L-.75 .75',
};

/** A marker of this radius. */
export function marker(
  kind: Marker | 'cross',
  x: number,
  y: number,
  { size, stroke, fill, width }: { size: number; stroke: string; fill: string; width: number },
): SVGElement {
  const looks = { ...paint('stroke', stroke), ...paint('fill', fill) };
  if (kind === 'circle')
    return svg('circle', {
      attributes: { cx: round(x), cy: round(y), r: size, 'stroke-width': width, ...looks },
    });
  return svg('path', {
    attributes: {
      ...{ d: outlines[kind], transform: `translate(${round(x)} ${round(y)}) scale(${size})` },
      ...{ 'stroke-width': width / size, ...looks },
    },
  });
}
