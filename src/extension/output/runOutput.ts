import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { outputScheme } from '../ids.ts';
import { isActive } from '../views/runText.ts';

/** Longest end of an output that is shown. */
const shownBytes = 2 << 20;
const chunkBytes = 512 << 10;
const pollMs = 1000;

interface Tail {
  bytes: Uint8Array;
  /** Offset in the file after `bytes`. */
  end: number;
  cut: boolean;
}

/** The address of a run's output; its last part is what the tab says. */
export function outputUri(run: string, name: string): vscode.Uri {
  return vscode.Uri.from({ scheme: outputScheme, path: `/${run}/${name.replaceAll('/', '-')}.log` });
}

/** Shows `output.log` of runs as read-only documents that grow while they are open. */
export class RunOutput extends Disposable implements vscode.TextDocumentContentProvider {
  readonly #service: ControlService;
  readonly #tails = new Map<string, Tail>();
  readonly #changed = this.register(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.#changed.event;
  #timer: NodeJS.Timeout | undefined;
  #polling = false;

  constructor(service: ControlService) {
    super();
    this.#service = service;
    this.register(vscode.workspace.registerTextDocumentContentProvider(outputScheme, this));
    this.register(
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === outputScheme) this.#tails.delete(uri.toString());
      }),
    );
    this.register(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.scheme === outputScheme) followEnd(document);
      }),
    );
    this.register({ dispose: () => clearInterval(this.#timer) });
  }

  async show(run: string, name: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(outputUri(run, name));
    const editor = await vscode.window.showTextDocument(document, { preview: true });
    const end = document.lineAt(document.lineCount - 1).range.end;
    editor.revealRange(new vscode.Range(end, end));
    this.#timer ??= setInterval(() => void this.#poll(), pollMs);
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    try {
      const tail = await this.#read(uri);
      const text = new TextDecoder().decode(tail.bytes);
      return tail.cut ? `[the beginning is left out]\n${text}` : text;
    } catch (error) {
      const { message, next } = toBiphaseError(error);
      return next === undefined ? message : `${message} ${next}`;
    }
  }

  /** Reads what came since the last time; a file that became shorter is read again. */
  async #read(uri: vscode.Uri): Promise<Tail> {
    const run = runOf(uri);
    const key = uri.toString();
    let tail = this.#tails.get(key);
    const ask = (offset: number, length: number) =>
      this.#service.callWithBytes('readRunFile', { run, file: runFiles.output, offset, length });
    const { size } = (await ask(0, 0)).value;
    if (!tail || size < tail.end || size - tail.end > shownBytes) {
      const start = Math.max(0, size - shownBytes);
      tail = { bytes: new Uint8Array(), end: start, cut: start > 0 };
    }
    const parts = [tail.bytes];
    while (tail.end < size) {
      const { binary } = await ask(tail.end, Math.min(chunkBytes, size - tail.end));
      if (!binary || binary.length === 0) break;
      parts.push(binary);
      tail = { ...tail, end: tail.end + binary.length };
    }
    const all = Buffer.concat(parts);
    const over = all.length - shownBytes;
    tail = { ...tail, bytes: over > 0 ? all.subarray(over) : all, cut: tail.cut || over > 0 };
    this.#tails.set(key, tail);
    return tail;
  }

  async #poll(): Promise<void> {
    const open = vscode.window.visibleTextEditors
      .map((editor) => editor.document.uri)
      .filter((uri) => uri.scheme === outputScheme);
    if (this.#tails.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (this.#polling) return;
    this.#polling = true;
    try {
      for (const uri of open) {
        const run = this.#service.runs.get(runOf(uri));
        if (!run?.connected) continue;
        const end = this.#tails.get(uri.toString())?.end ?? -1;
        const { size } = (
          await this.#service.callWithBytes('readRunFile', {
            run: run.run,
            file: runFiles.output,
            offset: 0,
            length: 0,
          })
        ).value;
        if (size !== end || (end === 0 && isActive(run))) this.#changed.fire(uri);
      }
    } catch {
      // The next poll asks again; the document keeps what it has.
    } finally {
      this.#polling = false;
    }
  }
}

function runOf(uri: vscode.Uri): string {
  return uri.path.split('/')[1] ?? '';
}

/** Keeps the end in sight where it was in sight. */
function followEnd(document: vscode.TextDocument): void {
  for (const editor of vscode.window.visibleTextEditors) {
    if (editor.document !== document) continue;
    const last = document.lineCount - 1;
    const seen = editor.visibleRanges.at(-1)?.end.line ?? 0;
    if (last - seen < 30) editor.revealRange(new vscode.Range(last, 0, last, 0));
  }
}
