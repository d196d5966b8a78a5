import type { AnnotationOptions } from 'chartjs-plugin-annotation';
import { xOfStep } from '../../src/core/liveSeries.ts';
import { faded } from './datasets.ts';
import { layMarks, type MarkGroup } from './markLayout.ts';
import type { PanelScene } from './panelScene.ts';
import type { Panel } from './panels.ts';
import { shareOf } from './xRange.ts';

/** The vertical marks in view, those that fall on the same place as one. `edges`: of the plot, in CSS pixels. */
export function markGroups(
  panel: Panel,
  scene: PanelScene,
  [left, right]: readonly [number, number],
  widthOf: (text: string) => number,
): MarkGroup[] {
  const [from, to] = scene.view;
  const marks = scene.marks.flatMap(({ run, name, step, label }) => {
    const points = scene.curves.find((c) => c.run === run)?.series?.points ?? [];
    const x = scene.x === 'step' ? step : xOfStep(points, step);
    if (x === undefined || x < from || x > to) return [];
    return [{ run, name, label, x, at: left + shareOf(scene.view, x, scene.logX) * (right - left) }];
  });
  return layMarks(marks, { left, right, rows: panel.size === 'big' ? 2 : 0, widthOf });
}

/** The lines of these marks. */
export function markAnnotations(
  groups: readonly MarkGroup[],
  scene: PanelScene,
): Record<string, AnnotationOptions> {
  const { theme } = scene;
  const several = new Set(groups.flatMap((group) => group.runs)).size > 1;
  return Object.fromEntries(
    groups.map(({ x, runs }, index) => {
      const style = scene.curves.find((c) => c.run === runs[0])?.style;
      const own = several && runs.length === 1 && style ? theme.series[style.colour]! : theme.foreground;
      return [
        `mark${index}`,
        {
          type: 'line',
          // The view follows the points: marks far ahead must not press a young curve into the corner.
          adjustScaleRange: false,
          xMin: x,
          xMax: x,
          borderColor: faded(own, theme.strong ? 0.9 : own === theme.foreground ? 0.35 : 0.6),
          borderWidth: 1,
          borderDash: [3, 3],
          drawTime: 'beforeDatasetsDraw',
        } satisfies AnnotationOptions,
      ];
    }),
  );
}
