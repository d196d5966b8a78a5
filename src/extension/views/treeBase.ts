import * as vscode from 'vscode';

/** An icon whose shape and colour both carry the meaning. */
export function themeIcon({ icon, color }: { icon: string; color: string }): vscode.ThemeIcon {
  return new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
}

/** Lines as a tooltip; nothing in them is taken as markup. */
export function tooltip(lines: readonly string[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  for (const line of lines) text.appendText(line).appendMarkdown('\n\n');
  return text;
}
