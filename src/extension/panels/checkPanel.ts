import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import type { LaunchCheck } from '../../protocol/controlApi.ts';
import { fromCheckPage, type ToCheckPage } from '../../protocol/pageMessages.ts';
import type { ControlService } from '../control/controlService.ts';
import { panelIds } from '../ids.ts';
import type { LaunchRequest } from '../launch/launchRequest.ts';
import { PagePanel, pageOptions } from './pagePanel.ts';

/** What the page's three buttons do. */
export interface CheckPanelActions {
  /** Starts the run; throws where it cannot. */
  start(request: LaunchRequest): Promise<void>;
  edit(request: LaunchRequest): Promise<void>;
}

/** Host of the check page: what will run, whether it fits, how long it takes. Fills in what the node says as it comes. */
export class CheckPanel extends PagePanel {
  readonly #request: LaunchRequest;
  readonly #service: ControlService;
  readonly #actions: CheckPanelActions;
  readonly #log: vscode.LogOutputChannel;
  #check: LaunchCheck | undefined;
  #failure: ToCheckPage | undefined;
  #starting = false;
  #ready = false;
  #asking = false;
  #askAgain = false;

  static open(
    request: LaunchRequest,
    service: ControlService,
    actions: CheckPanelActions,
    context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel },
  ): CheckPanel {
    const panel = vscode.window.createWebviewPanel(
      panelIds.check,
      'Check',
      vscode.ViewColumn.Active,
      pageOptions(context.extensionUri),
    );
    return new CheckPanel(panel, request, service, actions, context);
  }

  private constructor(
    panel: vscode.WebviewPanel,
    request: LaunchRequest,
    service: ControlService,
    actions: CheckPanelActions,
    context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel },
  ) {
    super(panel, context.extensionUri, 'check');
    this.#request = request;
    this.#service = service;
    this.#actions = actions;
    this.#log = context.log;
    let connection = this.#connectionState();
    this.register(
      service.onNodes(() => {
        const now = this.#connectionState();
        if (now === connection) return;
        connection = now;
        void this.#ask();
      }),
    );
    this.register(
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.#ready = false;
      }),
    );
    void this.#ask();
  }

  #connectionState(): string {
    const node = this.#service.nodes.find((n) => n.config.name === this.#request.node);
    return `${node?.connection} ${node?.probe === null}`;
  }

  /** Asks control; while an answer is on its way a second wish waits for it. */
  async #ask(): Promise<void> {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    this.#asking = true;
    try {
      const { file, node } = this.#request;
      this.#check = await this.#service.call('checkLaunch', { file, node });
      if (this.disposed) return;
      this.#failure = undefined;
      this.panel.title = `Check: ${this.#check.name}`;
      this.#send();
    } catch (thrown) {
      this.#fail(thrown);
      this.#send();
    } finally {
      this.#asking = false;
    }
    if (!this.#askAgain || this.disposed) return;
    this.#askAgain = false;
    await this.#ask();
  }

  protected override received(raw: unknown): void {
    const checked = fromCheckPage.safeParse(raw);
    if (!checked.success) {
      this.#log.error(`check: a message of the page does not fit its contract: ${checked.error.message}`);
      return;
    }
    const message = checked.data;
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        this.#send();
        return;
      case 'start':
        void this.#start();
        return;
      case 'edit':
        void this.#actions.edit(this.#request).then(
          () => this.close(),
          (error) => {
            this.#fail(error);
            this.#send();
          },
        );
        return;
      case 'cancel':
        this.close();
        return;
      case 'problem':
        this.#log.error(`check: ${message.message}`);
    }
  }

  async #start(): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    this.#failure = undefined;
    this.#send();
    try {
      await this.#actions.start(this.#request);
      this.close();
    } catch (thrown) {
      this.#starting = false;
      this.#fail(thrown);
      this.#send();
    }
  }

  #send(): void {
    const { yaml } = this.#request;
    if (this.#check) this.#post({ type: 'check', check: this.#check, yaml, starting: this.#starting });
    if (this.#failure) this.#post(this.#failure);
  }

  #fail(thrown: unknown): void {
    const error = toBiphaseError(thrown);
    this.#log.error(`check: ${error.message}`);
    this.#failure = { type: 'failed', message: error.message, ...(error.next ? { next: error.next } : {}) };
  }

  #post(message: ToCheckPage): void {
    if (this.#ready && !this.disposed) void this.panel.webview.postMessage(message);
  }
}
