import { svg } from '../common/dom.ts';
import type { SeriesStyle } from '../common/seriesStyle.ts';
import type { ThemeColours } from '../common/theme.ts';
import type { PanelView } from './panelView.ts';
import { bandText } from './seedGroups.ts';
import type { ShownRuns } from './shownRuns.ts';
import { marker, vectorChart, words } from './vectorChart.ts';

/** A line of the picture's legend. */
interface PictureLegend {
  style: SeriesStyle;
  text: string;
}

const margin = 16;
const headerHeight = 24;
const legendLine = 18;
const noteLine = 15;
/** PNG pixels a CSS pixel. */
const sharpness = 2;

/** The charts as they are on the page, with background, headings and legend, as one vector drawing. */
function vectorPicture(
  views: readonly PanelView[],
  legend: readonly PictureLegend[],
  theme: ThemeColours,
): SVGSVGElement {
  const drawings = views.flatMap((view) => {
    const drawing = view.drawing;
    return drawing ? [{ ...drawing, left: view.element.offsetLeft, top: view.element.offsetTop }] : [];
  });
  const rows = [...new Set(drawings.map((each) => each.top))].sort((a, b) => a - b);
  const parts: SVGElement[] = [];
  let y = margin;
  let width = 320;
  // On the page there is room between rows for notes that come and go: here each row is as high as it has to be.
  for (const row of rows) {
    let bottom = y;
    for (const { panel, chart, scene, groups, notes, left, top } of drawings) {
      if (top !== row) continue;
      const x = margin + left;
      const notesAt = y + headerHeight + chart.height + 12;
      parts.push(
        words(panel.unit ? `${panel.title} (${panel.unit})` : panel.title, x + 8, y + 14, theme, {
          ...{ size: 13, colour: theme.foreground, bold: true },
        }),
        svg('g', {
          attributes: { transform: `translate(${x} ${y + headerHeight})` },
          children: [
            vectorChart(chart, scene.theme),
            ...groups.flatMap((group) =>
              group.words
                ? [
                    words(
                      group.words.text,
                      group.words.middle,
                      chart.chartArea.top + 11 + group.words.row * 17,
                      theme,
                      {
                        anchor: 'middle',
                      },
                    ),
                  ]
                : [],
            ),
          ],
        }),
        ...notes.map((note, index) => words(note, x + 46, notesAt + index * noteLine, theme)),
      );
      bottom = Math.max(bottom, notesAt + notes.length * noteLine);
      width = Math.max(width, x + chart.width + margin);
    }
    y = bottom + 10;
  }
  for (const { style, text } of legend) {
    parts.push(...legendEntry(style, text, y, theme));
    y += legendLine;
  }
  const height = y + margin;
  return svg('svg', {
    attributes: { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height },
    children: [svg('rect', { attributes: { width, height, fill: theme.background } }), ...parts],
  });
}

function legendEntry(style: SeriesStyle, text: string, y: number, theme: ThemeColours): SVGElement[] {
  const stroke = theme.series[style.colour]!;
  return [
    svg('line', {
      attributes: {
        ...{ x1: margin + 8, x2: margin + 35, y1: y + 6, y2: y + 6, stroke, 'stroke-width': 1.6 },
        'stroke-dasharray': style.dash.join(' ') || undefined,
      },
    }),
    marker(style.marker, margin + 21.5, y + 6, { size: 3.5, stroke, fill: stroke, width: 1 }),
    words(text, margin + 44, y + 10, theme, { size: 12, colour: theme.foreground }),
  ];
}

/** The drawing as a file. */
function svgFile(picture: SVGSVGElement): ArrayBuffer {
  const text = new XMLSerializer().serializeToString(picture);
  return new TextEncoder().encode(`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`).buffer as ArrayBuffer;
}

/** The drawing as pixels. */
async function pngFile(picture: SVGSVGElement): Promise<ArrayBuffer> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(picture))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.width * sharpness;
  canvas.height = image.height * sharpness;
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('The picture is too large for a PNG: export it as SVG.');
  return blob.arrayBuffer();
}

/** The charts as a file of this format. */
export async function pictureFile(
  format: 'png' | 'svg',
  views: readonly PanelView[],
  runs: ShownRuns,
  theme: ThemeColours,
): Promise<ArrayBuffer> {
  const legend = [
    ...runs.groups.map(({ id, name, runs: seeds }) => ({
      style: runs.styleOf(id),
      text: `mean of ${name} (${bandText(seeds.length)})`,
    })),
    ...runs.visible.map(({ run, name }) => ({ style: runs.styleOf(run), text: name })),
  ];
  const picture = vectorPicture(views, legend, theme);
  return format === 'svg' ? svgFile(picture) : pngFile(picture);
}
