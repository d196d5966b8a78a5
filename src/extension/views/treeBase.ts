import * as vscode from 'vscode';

/** An icon whose shape and colour both carry the meaning. */
export function themeIcon({ icon, color }: { icon: string; color: string }): vscode.ThemeIcon {
  return new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
}

/** Lines as a tooltip; nothing in them is taken as markup. */
export function tooltip(lines: readonly string[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  // A break, not a paragraph: all lines are to be seen at once.
  for (const line of lines) text.appendText(line).appendMarkdown('  \n');
  return text;
}
