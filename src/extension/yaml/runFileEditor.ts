import * as vscode from 'vscode';
import type { TextEdit as LspEdit, CompletionItem as LspItem } from 'vscode-languageserver-types';
import { Disposable } from '../disposable.ts';
import { languageId } from '../ids.ts';
import type { RunFileLanguage } from './runFileLanguage.ts';
import { yamlBundle } from './yamlBundle.ts';

const quietMs = 250;

/** Completion, hover and problems in the editor for run files, saved or not. */
export class RunFileEditor extends Disposable {
  readonly #problems = this.register(vscode.languages.createDiagnosticCollection('biphase'));
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  #language: RunFileLanguage | undefined;

  constructor() {
    super();
    const selector: vscode.DocumentSelector = { language: languageId };
    this.register(
      vscode.languages.registerCompletionItemProvider(
        selector,
        { provideCompletionItems: (document, position) => this.#complete(document, position) },
        ' ',
        ':',
        '"',
      ),
    );
    this.register(
      vscode.languages.registerHoverProvider(selector, {
        provideHover: async (document, position) => {
          const text = await this.#service().hover(document.getText(), position);
          return text === undefined ? undefined : new vscode.Hover(new vscode.MarkdownString(text));
        },
      }),
    );
    this.register(vscode.workspace.onDidOpenTextDocument((document) => this.#checkSoon(document, 0)));
    this.register(
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#checkSoon(document, quietMs)),
    );
    this.register(
      vscode.workspace.onDidCloseTextDocument((document) => {
        clearTimeout(this.#waiting.get(document.uri.toString()));
        this.#waiting.delete(document.uri.toString());
        this.#problems.delete(document.uri);
      }),
    );
    this.register({
      dispose: () => {
        for (const timer of this.#waiting.values()) clearTimeout(timer);
      },
    });
    for (const document of vscode.workspace.textDocuments) this.#checkSoon(document, 0);
  }

  #service(): RunFileLanguage {
    this.#language ??= new (yamlBundle().RunFileLanguage)();
    return this.#language;
  }

  async #complete(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): Promise<vscode.CompletionItem[]> {
    const items = await this.#service().complete(document.getText(), position);
    return items.map(completionItem);
  }

  #checkSoon(document: vscode.TextDocument, wait: number): void {
    if (document.languageId !== languageId) return;
    const key = document.uri.toString();
    clearTimeout(this.#waiting.get(key));
    this.#waiting.set(
      key,
      setTimeout(() => void this.#check(document), wait),
    );
  }

  async #check(document: vscode.TextDocument): Promise<void> {
    this.#waiting.delete(document.uri.toString());
    const { version } = document;
    const problems = await this.#service().problems(document.getText());
    if (document.isClosed || document.version !== version) return;
    const severities = vscode.DiagnosticSeverity;
    this.#problems.set(
      document.uri,
      problems.map(({ from, to, message, warning }) => {
        const range = new vscode.Range(from.line, from.character, to.line, to.character);
        const diagnostic = new vscode.Diagnostic(
          range,
          message,
          warning ? severities.Warning : severities.Error,
        );
        diagnostic.source = 'Biphase';
        return diagnostic;
      }),
    );
  }
}

function rangeOf({ start, end }: LspEdit['range']): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

function completionItem(item: LspItem): vscode.CompletionItem {
  // The protocol counts kinds from 1, the editor from 0.
  const kind = item.kind === undefined ? undefined : ((item.kind - 1) as vscode.CompletionItemKind);
  const made = new vscode.CompletionItem(item.label, kind);
  const edit = item.textEdit;
  const text = edit?.newText ?? item.insertText ?? item.label;
  made.insertText = item.insertTextFormat === 2 ? new vscode.SnippetString(text) : text;
  if (edit)
    made.range =
      'range' in edit
        ? rangeOf(edit.range)
        : { inserting: rangeOf(edit.insert), replacing: rangeOf(edit.replace) };
  if (item.filterText !== undefined) made.filterText = item.filterText;
  if (item.sortText !== undefined) made.sortText = item.sortText;
  const { documentation } = item;
  if (documentation !== undefined)
    made.documentation = new vscode.MarkdownString(
      typeof documentation === 'string' ? documentation : documentation.value,
    );
  return made;
}
