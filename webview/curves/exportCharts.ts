import type { FromCurvesPage } from '../../src/protocol/pageMessages.ts';
import type { ThemeColours } from '../common/theme.ts';
import { metricsOf } from './panels.ts';
import type { PanelView } from './panelView.ts';
import { pictureFile } from './picture.ts';
import type { ShownRuns } from './shownRuns.ts';

/** Asks the extension to save what these panels show of the visible runs: a picture, or all points. */
export function exportCharts(
  format: 'png' | 'svg' | 'csv',
  views: readonly PanelView[],
  runs: ShownRuns,
  theme: ThemeColours,
  post: (message: FromCurvesPage, binary?: ArrayBuffer) => void,
): void {
  const { visible } = runs;
  if (visible.length === 0) return;
  if (format === 'csv') {
    const metrics = [...new Set(views.flatMap((view) => metricsOf(view.panel)))];
    post({ type: 'exportCsv', runs: visible.map((run) => run.run), metrics });
    return;
  }
  void pictureFile(format, views, runs, theme).then((bytes) =>
    post({ type: 'savePicture', format, name: visible[0]!.name.slice(0, 200) }, bytes),
  );
}
