import * as vscode from 'vscode';
import { plainFileName } from '../plainFileName.ts';

/** Asks where to save a picture of the charts, and writes it. `name`: without ending. */
export async function savePicture(name: string, format: 'png' | 'svg', bytes: Uint8Array): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const file = `${plainFileName(name)}.${format}`;
  const target = await vscode.window.showSaveDialog({
    title: 'Export the charts',
    filters: { [format.toUpperCase()]: [format] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, file) } : {}),
  });
  if (target) await vscode.workspace.fs.writeFile(target, bytes);
}
