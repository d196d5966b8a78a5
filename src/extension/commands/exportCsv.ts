import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { formatCount } from '../../core/numberFormat.ts';
import type { ControlService } from '../control/controlService.ts';
import { withTransferProgress } from '../control/transferProgress.ts';
import { plainFileName } from '../plainFileName.ts';
import { plainMessage } from '../plainLabel.ts';

/** Asks where to save every point of these runs and metrics (null: of all they have) as one table, and writes it. */
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
  const request = {
    transfer: randomUUID(),
    runs: runs.map(({ run }) => run),
    metrics: metrics === null ? null : [...metrics],
    file: target.fsPath,
  };
  const { points } = await withTransferProgress(
    service,
    { title: 'Exporting', transfer: request.transfer },
    () => service.call('exportTable', request),
  );
  void vscode.window.showInformationMessage(
    plainMessage(`${formatCount(points)} points of ${title} are in ${request.file}.`),
  );
}
