import * as vscode from 'vscode';
import { languageId } from '../ids.ts';

/** Opens an unsaved run file with this text, in the first workspace folder where there is one. */
export async function openNewRunFile(text: string, stem: string): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  if (!folder) {
    const document = await vscode.workspace.openTextDocument({ language: languageId, content: text });
    await vscode.window.showTextDocument(document);
    return;
  }
  const uri = (await freeName(folder, stem)).with({ scheme: 'untitled' });
  const document = await vscode.workspace.openTextDocument(uri);
  const editor = await vscode.window.showTextDocument(document);
  await editor.edit((edit) => edit.insert(new vscode.Position(0, 0), text));
}

/** `stem.run.yaml`, `stem-2.run.yaml` …: the first that is neither on disk nor open. */
async function freeName(folder: vscode.Uri, stem: string): Promise<vscode.Uri> {
  for (let n = 1; ; n++) {
    const uri = vscode.Uri.joinPath(folder, `${stem}${n === 1 ? '' : `-${n}`}.run.yaml`);
    const open = vscode.workspace.textDocuments.some((document) => document.uri.path === uri.path);
    const exists = await vscode.workspace.fs.stat(uri).then(
      () => true,
      () => false,
    );
    if (!open && !exists) return uri;
  }
}
