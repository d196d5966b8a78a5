import { type CurvePoint, xOfStep } from '../../src/core/liveSeries.ts';
import { bandDatasets, type CurveDataset, type CurveSource, lineDataset } from './datasets.ts';
import { type PanelCurve, type PanelScene, readPoints } from './panelScene.ts';
import { isClmMark, isJoined, type Panel } from './panels.ts';

/** From more runs on, marks are smaller. */
const manyRuns = 6;

/** What chart.js draws of a scene: faint curves, bands, lines and marks. */
export function panelDatasets(panel: Panel, scene: PanelScene): CurveDataset[] {
  const many = new Set(scene.curves.map((c) => c.run)).size > manyRuns;
  return [
    ...scene.curves.flatMap((curve) => curveDatasets(panel, scene, curve, many)),
    ...scene.bands.flatMap(({ run, style, points }) => [
      ...bandDatasets(run, panel.metric, style, points, scene.theme),
      lineDataset({ run, metric: panel.metric, style, points, nonFinite: [], checkpoints: [] }, scene.theme, {
        emphasis: 'strong',
        mark: null,
        head: true,
      }),
    ]),
  ];
}

/** The lines that decide the y axis. */
export function measuredLines(panel: Panel, scene: PanelScene): (readonly CurvePoint[])[] {
  return scene.curves.map((curve) =>
    curve.metric === panel.metric ? (curve.series?.points ?? []) : readPoints(panel, curve, false),
  );
}

function curveDatasets(panel: Panel, scene: PanelScene, curve: PanelCurve, many: boolean): CurveDataset[] {
  const { series, metric, emphasis } = curve;
  if (!series) return [];
  const points = readPoints(panel, curve, scene.smoothed);
  const source: CurveSource = {
    run: curve.run,
    metric,
    style: curve.style,
    points,
    nonFinite: series.nonFinite,
    checkpoints: curve.checkpoints.flatMap((step) =>
      scene.x === 'step' ? step : (xOfStep(series.points, step) ?? []),
    ),
  };
  if (metric !== panel.metric)
    return [
      lineDataset(source, scene.theme, {
        emphasis,
        mark: {
          filled: !isClmMark(metric),
          whole: (points[0]?.x ?? 0) >= scene.view[0] && (points.at(-1)?.x ?? 0) <= scene.view[1],
          // Those of many runs would cover the curves.
          radius: many ? 2 : 3,
          joined: (point, next) => isJoined(metric, curve.phases, point.step, next.step),
        },
        head: false,
      }),
    ];
  const line = lineDataset(source, scene.theme, { emphasis, mark: null, head: emphasis !== 'faint' });
  if (points === series.points) return [line];
  const measured = { ...source, points: series.points, nonFinite: [], checkpoints: [] };
  return [lineDataset(measured, scene.theme, { emphasis: 'faint', mark: null, head: false }), line];
}
