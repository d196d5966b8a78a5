import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { panelIds } from '../ids.ts';
import type { ComparePanel, ComparePanelActions } from './comparePanel.ts';

/** Opens, finds and restores the compare panel: one a window. Its code and the schemas are loaded when it is needed. */
export class ComparePanels extends Disposable implements vscode.WebviewPanelSerializer {
  readonly #service: ControlService;
  readonly #actions: ComparePanelActions;
  readonly #context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel };
  #panel: ComparePanel | undefined;
  /** Its code is being loaded. */
  #opening: Promise<ComparePanel> | undefined;

  constructor(
    service: ControlService,
    actions: ComparePanelActions,
    context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel },
  ) {
    super();
    this.#service = service;
    this.#actions = actions;
    this.#context = context;
    this.register(vscode.window.registerWebviewPanelSerializer(panelIds.compare, this));
  }

  /** The runs that are compared now; nothing where no panel is open. */
  get runs(): readonly string[] {
    return this.#panel?.runs ?? [];
  }

  get isOpen(): boolean {
    return this.#panel !== undefined;
  }

  /** Compares these runs, in this order. The pinned run is the baseline where it is among them. */
  async show(runs: readonly string[]): Promise<void> {
    (await this.#opened()).setRuns(runs);
  }

  /** Tells everything as a difference to this run. */
  async setBaseline(run: string): Promise<void> {
    (await this.#opened()).setBaseline(run);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, saved: unknown): Promise<void> {
    if (this.#panel || this.#opening) panel.dispose();
    else await this.#once(() => this.#adopt(panel, saved));
  }

  async #opened(): Promise<ComparePanel> {
    if (this.#panel) {
      this.#panel.reveal();
      return this.#panel;
    }
    return this.#once(() => this.#open());
  }

  /** Whoever asks while it is being opened gets the same one. */
  #once(open: () => Promise<ComparePanel>): Promise<ComparePanel> {
    this.#opening ??= open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<ComparePanel> {
    const { pageOptions } = await import('./pagePanel.ts');
    const panel = vscode.window.createWebviewPanel(
      panelIds.compare,
      'Compare',
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      pageOptions(this.#context.extensionUri),
    );
    return this.#adopt(panel, undefined);
  }

  async #adopt(panel: vscode.WebviewPanel, saved: unknown): Promise<ComparePanel> {
    const { ComparePanel } = await import('./comparePanel.ts');
    const { compareStateOf } = await import('./compareState.ts');
    const compare = new ComparePanel(
      panel,
      compareStateOf(saved),
      this.#service,
      this.#actions,
      this.#context,
    );
    this.#panel = this.register(compare);
    compare.onEnded(() => {
      if (this.#panel === compare) this.#panel = undefined;
    });
    return compare;
  }
}
