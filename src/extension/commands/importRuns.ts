import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ImportRequest, ImportResult } from '../../protocol/outsideRuns.ts';
import type { ControlService } from '../control/controlService.ts';
import { withTransferProgress } from '../control/transferProgress.ts';
import { plainLabel, plainMessage } from '../plainLabel.ts';

const mostNotes = 3;

/** *Import Runs…*: files or a folder; where it is not clear which column of a table is the step, the person is asked. */
export async function importRuns(
  service: ControlService,
  showCurves: (runs: string[]) => Promise<void>,
): Promise<void> {
  await service.ready();
  const paths = await pickPaths();
  if (!paths) return;
  const result = await imported(service, { paths, steps: {} });
  const steps: ImportRequest['steps'] = {};
  for (const { path, columns } of result.unclear) {
    const step = await pickStep(path, columns);
    if (step !== undefined) steps[path] = step;
  }
  const asked = Object.keys(steps);
  if (asked.length > 0) {
    const more = await imported(service, { paths: asked, steps });
    result.imported.push(...more.imported);
    result.notes.push(...more.notes);
  }
  await tell(result, showCurves);
}

async function pickPaths(): Promise<string[] | undefined> {
  // Not every system's dialog lets files and folders be chosen in one.
  const folder = {
    label: 'Folder…',
    detail: 'A TensorBoard folder, or one with tables; with all folders in it.',
  };
  const files = { label: 'Files…', detail: 'Tables (.csv, .tsv), event files, or a metrics.jsonl.' };
  const picked = await vscode.window.showQuickPick([folder, files], { title: 'Import runs from what?' });
  if (!picked) return undefined;
  const chosen = await vscode.window.showOpenDialog({
    title: picked === folder ? 'Folder to import' : 'Files to import',
    openLabel: 'Import',
    canSelectFolders: picked === folder,
    canSelectFiles: picked === files,
    canSelectMany: true,
  });
  return chosen?.map(({ fsPath }) => fsPath);
}

/** null: the rows are counted; undefined: closed. */
async function pickStep(path: string, columns: readonly string[]): Promise<string | null | undefined> {
  type Item = vscode.QuickPickItem & { step: string | null };
  const items: Item[] = [
    ...columns
      .filter((column) => column !== '')
      .map((column) => ({ label: plainLabel(column), step: column })),
    { label: 'None: count the rows', step: null },
  ];
  // It comes after a while: what the person does meanwhile must not answer it.
  const title = `Which column of ${vscode.Uri.file(path).path.split('/').at(-1)} is the step?`;
  return (await vscode.window.showQuickPick(items, { title, ignoreFocusOut: true }))?.step;
}

function imported(
  service: ControlService,
  wish: Pick<ImportRequest, 'paths' | 'steps'>,
): Promise<ImportResult> {
  const transfer = randomUUID();
  return withTransferProgress(service, { title: 'Importing', transfer }, () =>
    service.call('importRuns', { ...wish, transfer }),
  );
}

async function tell(
  { imported: runs, notes }: ImportResult,
  showCurves: (runs: string[]) => Promise<void>,
): Promise<void> {
  const more = notes.length > mostNotes ? [`And ${notes.length - mostNotes} more.`] : [];
  const rest = [...notes.slice(0, mostNotes), ...more];
  if (runs.length === 0) {
    if (rest.length > 0)
      void vscode.window.showWarningMessage(plainMessage(`Nothing was imported. ${rest.join(' ')}`));
    return;
  }
  const updated = runs.filter((run) => run.updated).length;
  const count = runs.length === 1 ? runs[0]!.name : `${runs.length} runs`;
  const again = updated === 0 ? '' : `; ${updated === 1 ? 'one was' : `${updated} were`} here before`;
  const text = plainMessage([`Imported ${count}${again}.`, ...rest].join(' '));
  const show = 'Show Curves';
  const chosen =
    rest.length > 0
      ? await vscode.window.showWarningMessage(text, show)
      : await vscode.window.showInformationMessage(text, show);
  if (chosen === show) await showCurves(runs.map(({ run }) => run));
}
