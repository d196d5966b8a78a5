import { svg } from './dom.ts';
import type { Marker, SeriesStyle } from './seriesStyle.ts';

const markerPaths: Record<Marker, string> = {
  circle: 'M10.5 6a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z',
  rect: 'M11 3.5h5v5h-5z',
  triangle: 'M13.5 2.6l3.4 6h-6.8z',
  rectRot: 'M13.5 2.2l3.8 3.8l-3.8 3.8l-3.8 -3.8z',
  triangleDown: 'M13.5 9.4l3.4 -6h-6.8z',
  triangleRight: 'M16.9 6l-6 3.4v-6.8z',
};

/** A picture of a run's line as the chart draws it: colour, dash and marker. */
export function swatch(style: SeriesStyle): SVGSVGElement {
  return svg('svg', {
    class: `swatch series-${style.colour + 1}`,
    attributes: { viewBox: '0 0 27 12', width: 27, height: 12, 'aria-hidden': 'true', focusable: 'false' },
    children: [
      svg('line', {
        attributes: { x1: 0, y1: 6, x2: 27, y2: 6, 'stroke-dasharray': style.dash.join(' ') || undefined },
      }),
      svg('path', { class: 'marker', attributes: { d: markerPaths[style.marker] } }),
    ],
  });
}
