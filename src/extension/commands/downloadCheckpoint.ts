import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { withTransferProgress } from '../control/transferProgress.ts';
import { type CheckpointRow, checkpointRows } from '../launch/checkpointRows.ts';
import { plainLabel } from '../plainLabel.ts';
import type { Clicked } from './picks.ts';

/** *Download Checkpoint…*: which one, then where to: a folder of this computer, or another node, where runs find it. */
export async function downloadCheckpoint(service: ControlService, clicked: unknown): Promise<void> {
  await service.ready();
  const row = await pickCheckpoint(service, clicked);
  if (!row) return;
  const to = await pickTarget(service, row);
  if (!to) return;
  const { run, step } = row;
  const transfer = randomUUID();
  const title = `Copying ${run.name}, step ${step}`;
  const { place } = await withTransferProgress(service, { title, transfer }, () =>
    service.call('copyCheckpoint', { transfer, run: run.run, step, to }),
  );
  const where = 'node' in to ? ` on ${to.node}` : '';
  const reveal = 'Open Folder';
  const chosen = await vscode.window.showInformationMessage(
    `The checkpoint of ${run.name} at step ${step} is in ${place}${where}.`,
    ...('folder' in to ? [reveal] : []),
  );
  if (chosen === reveal) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(place));
}

async function pickCheckpoint(service: ControlService, clicked: unknown): Promise<CheckpointRow | undefined> {
  const element = clicked as Clicked | { kind: 'checkpoint'; run: string; step: number };
  const all = checkpointRows(service.runs.values(), service.nodes);
  const ofRun = element && 'run' in element ? all.filter(({ run }) => run.run === element.run) : all;
  const rows = element?.kind === 'checkpoint' ? ofRun.filter(({ step }) => step === element.step) : ofRun;
  if (element?.kind === 'checkpoint' && rows[0]) return rows[0];
  if (rows.length === 0) {
    void vscode.window.showInformationMessage('There is no checkpoint on a node yet.');
    return undefined;
  }
  return vscode.window.showQuickPick(
    rows.map((row) => ({ ...row, label: plainLabel(row.run.name) })),
    { title: 'Download which checkpoint?', matchOnDescription: true },
  );
}

async function pickTarget(
  service: ControlService,
  { run }: CheckpointRow,
): Promise<{ folder: string } | { node: string } | undefined> {
  type Item = vscode.QuickPickItem & { node: string | undefined };
  const others = service.nodes.filter(({ config }) => config.name !== run.node);
  const items: Item[] = [
    { label: 'Folder…', detail: 'A folder of this computer, for other programs.', node: undefined },
    ...others.map(({ config }) => ({
      label: plainLabel(config.name),
      detail: 'A run there can start from it.',
      node: config.name,
    })),
  ];
  const picked = await vscode.window.showQuickPick(items, { title: 'Where to?' });
  if (!picked) return undefined;
  if (picked.node !== undefined) return { node: picked.node };
  const [folder] =
    (await vscode.window.showOpenDialog({
      title: 'Folder for the checkpoint',
      openLabel: 'Download',
      canSelectFolders: true,
      canSelectFiles: false,
    })) ?? [];
  return folder && { folder: folder.fsPath };
}
