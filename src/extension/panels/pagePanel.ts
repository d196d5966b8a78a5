import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type * as z from 'zod';
import { Disposable } from '../disposable.ts';
import { showError } from '../messages.ts';
import { pageHtml } from './pageHtml.ts';
import { PageInbox } from './pageInbox.ts';

/** What webviews of Biphase may do: run their own script, load from dist/pages, and nothing else. */
export function pageOptions(extensionUri: vscode.Uri): vscode.WebviewOptions & vscode.WebviewPanelOptions {
  return {
    enableScripts: true,
    enableForms: false,
    enableCommandUris: false,
    localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist', 'pages')],
  };
}

/** Base of a panel that shows one page: sets its HTML, hands on those of its messages that fit, ends with it. */
export abstract class PagePanel<Message> extends Disposable {
  protected readonly panel: vscode.WebviewPanel;
  readonly #ended = this.register(new vscode.EventEmitter<void>());
  readonly onEnded = this.#ended.event;

  constructor(
    panel: vscode.WebviewPanel,
    { extensionUri, log }: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel },
    page: 'curves' | 'check' | 'compare',
    contract: z.ZodType<Message>,
  ) {
    super();
    this.panel = panel;
    const icon = (file: string): vscode.Uri => vscode.Uri.joinPath(extensionUri, 'media', file);
    panel.iconPath = { light: icon('tab-light.svg'), dark: icon('tab-dark.svg') };
    const { webview } = panel;
    webview.options = pageOptions(extensionUri);
    this.register(
      panel.onDidDispose(() => {
        this.#ended.fire();
        this.dispose();
      }),
    );
    const inbox = new PageInbox(contract, (problem) => log.error(`${page}: ${problem}`));
    this.register(
      webview.onDidReceiveMessage(async (raw: unknown) => {
        const message = inbox.read(raw);
        if (message === undefined) return;
        try {
          await this.received(message, (raw as { binary?: unknown }).binary);
        } catch (error) {
          showError(error, log);
        }
      }),
    );
    const address = (file: string): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', 'pages', file)).toString();
    // Set last: the page may say `ready` at once.
    webview.html = pageHtml({
      title: panel.title,
      script: address(`${page}.js`),
      style: address(`${page}.css`),
      cspSource: webview.cspSource,
      nonce: randomBytes(18).toString('base64url'),
    });
  }

  /** A message of the page, and the bytes that came in it. What it throws is shown. */
  protected abstract received(message: Message, binary: unknown): void | Promise<void>;

  reveal(): void {
    this.panel.reveal(undefined, true);
  }

  close(): void {
    this.panel.dispose();
  }
}
