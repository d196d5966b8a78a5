import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import { formatCount } from '../../core/numberFormat.ts';
import type { ExportFormat, ExportRequest, ExportResult } from '../../protocol/outsideRuns.ts';
import type { ControlService } from '../control/controlService.ts';
import { withTransferProgress } from '../control/transferProgress.ts';
import { plainMessage } from '../plainLabel.ts';
import { type RunChoice, runsFor } from './picks.ts';

type FormatItem = vscode.QuickPickItem & { format: ExportFormat };
const formats: FormatItem[] = [
  { format: 'tensorboard', label: 'TensorBoard', detail: 'A folder of event files for each run.' },
  { format: 'csv', label: 'CSV', detail: 'A table for each run: one row a step, one column a metric.' },
  { format: 'jsonl', label: 'JSON lines', detail: 'A file for each run, in the form of metrics.jsonl.' },
];

/** *Export Run…*: which runs, how, and into which folder. */
export async function exportRun(service: ControlService, choice: RunChoice): Promise<void> {
  const chosen = await runsFor(service, choice, { title: 'Export which runs?', fits: () => true });
  const [only] = chosen;
  if (!only) return;
  const runs = chosen.map(({ run }) => run);
  const picked = await vscode.window.showQuickPick(formats, { title: 'Export as what?' });
  if (!picked) return;
  const [folder] =
    (await vscode.window.showOpenDialog({
      title: 'Folder for the export',
      openLabel: 'Export',
      canSelectFolders: true,
      canSelectFiles: false,
    })) ?? [];
  if (!folder) return;
  const result = await exported(service, { runs, format: picked.format, folder: folder.fsPath });
  if (!result) return;
  const what = runs.length === 1 ? only.name : `${runs.length} runs`;
  const where = result.places.length === 1 ? result.places[0]! : folder.fsPath;
  const open = 'Open Folder';
  const button = await vscode.window.showInformationMessage(
    plainMessage(`${formatCount(result.points)} points of ${what} are in ${where}.`),
    open,
  );
  if (button === open) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(where));
}

/** Asks where something is replaced; undefined where the person does not want that. */
async function exported(
  service: ControlService,
  wish: Pick<ExportRequest, 'runs' | 'format' | 'folder'>,
): Promise<ExportResult | undefined> {
  const send = (replace: boolean): Promise<ExportResult> => {
    const transfer = randomUUID();
    return withTransferProgress(service, { title: 'Exporting', transfer }, () =>
      service.call('exportRuns', { ...wish, transfer, replace }),
    );
  };
  try {
    return await send(false);
  } catch (thrown) {
    const error = toBiphaseError(thrown);
    if (error.kind !== 'refused') throw error;
    const replace = 'Replace';
    const answer = await vscode.window.showWarningMessage(
      plainMessage(error.message),
      { modal: true },
      replace,
    );
    return answer === replace ? send(true) : undefined;
  }
}
