import * as vscode from 'vscode';
import { csvCell } from '../../core/csvCell.ts';
import { decodeSeries } from '../../core/seriesBytes.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { plainFileName } from '../plainFileName.ts';

/** Steps asked for at once: at this width no point is left out. */
const chunkSteps = 16_384;

/**
 * Every point of these runs and metrics (null: of all they have) as CSV, one row a run, segment and step; where there is
 * one run, without the columns that name it.
 */
export async function exportCsv(
  service: ControlService,
  ids: readonly string[],
  metrics: readonly string[] | null,
): Promise<void> {
  const runs = ids.flatMap((id) => service.runs.get(id) ?? []);
  const [first] = runs;
  if (!first) return;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const title = runs.length === 1 ? first.name : `${runs.length} runs`;
  const target = await vscode.window.showSaveDialog({
    title: `Export ${title}`,
    filters: { CSV: ['csv'] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, `${plainFileName(title)}.csv`) } : {}),
  });
  if (!target) return;
  const columns = metrics ?? [...new Set(runs.flatMap((run) => run.metrics))];
  const named = runs.length > 1;
  const lines = [[...(named ? ['run', 'name'] : []), 'segment', 'step', ...columns].map(csvCell).join(',')];
  for (const run of runs) {
    const head = named ? `${csvCell(run.run)},${csvCell(run.name)},` : '';
    for (const row of await rowsOf(service, run, columns))
      lines.push(
        `${head}${row.segment},${row.step},${columns.map((metric) => row.values.get(metric) ?? '').join(',')}`,
      );
  }
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(`${lines.join('\n')}\n`));
}

interface Row {
  segment: number;
  step: number;
  values: Map<string, number>;
}

async function rowsOf(service: ControlService, run: RunSummary, metrics: readonly string[]): Promise<Row[]> {
  const rows = new Map<string, Row>();
  for (const metric of metrics.filter((each) => run.metrics.includes(each)))
    for (let from = 0; from <= run.step; from += chunkSteps) {
      const { value, binary } = await service.callWithBytes('series', {
        run: run.run,
        metric,
        x: 'step',
        from,
        to: from + chunkSteps - 1,
        pixels: chunkSteps,
        smoothing: null,
      });
      const bytes = (binary ?? new Uint8Array()).slice().buffer as ArrayBuffer;
      const { segment, step, y } = decodeSeries(bytes, value.points);
      for (let i = 0; i < value.points; i++) {
        const key = `${segment[i]}:${step[i]}`;
        const row = rows.get(key) ?? { segment: segment[i]!, step: step[i]!, values: new Map() };
        rows.set(key, row);
        row.values.set(metric, y[i]!);
      }
    }
  return [...rows.values()].sort((a, b) => a.step - b.step || a.segment - b.segment);
}
