import * as vscode from 'vscode';
import { decodeSeries } from '../../core/seriesBytes.ts';
import type { ControlService } from '../control/controlService.ts';

/** Steps asked for at once: at this width no point is left out. */
const chunkSteps = 16_384;

/** Every point of every metric of a run as CSV, one row a segment and step. */
export async function exportCsv(service: ControlService, id: string): Promise<void> {
  const run = service.runs.get(id);
  if (!run) return;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const name = `${run.name}.csv`;
  const target = await vscode.window.showSaveDialog({
    title: `Export ${run.name}`,
    filters: { CSV: ['csv'] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, name) } : {}),
  });
  if (!target) return;
  const rows = new Map<string, { segment: number; step: number; values: Map<string, number> }>();
  for (const metric of run.metrics)
    for (let from = 0; from <= run.step; from += chunkSteps) {
      const { value, binary } = await service.callWithBytes('series', {
        run: id,
        metric,
        x: 'step',
        from,
        to: from + chunkSteps - 1,
        pixels: chunkSteps,
        smoothing: null,
      });
      const bytes = (binary ?? new Uint8Array()).slice().buffer as ArrayBuffer;
      const columns = decodeSeries(bytes, value.points);
      for (let i = 0; i < value.points; i++) {
        const key = `${columns.segment[i]}:${columns.step[i]}`;
        const row = rows.get(key) ?? {
          segment: columns.segment[i],
          step: columns.step[i],
          values: new Map(),
        };
        rows.set(key, row);
        row.values.set(metric, columns.y[i]);
      }
    }
  const ordered = [...rows.values()].sort((a, b) => a.step - b.step || a.segment - b.segment);
  const lines = [
    ['segment', 'step', ...run.metrics].join(','),
    ...ordered.map((row) =>
      [row.segment, row.step, ...run.metrics.map((metric) => row.values.get(metric) ?? '')].join(','),
    ),
  ];
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(`${lines.join('\n')}\n`));
}
