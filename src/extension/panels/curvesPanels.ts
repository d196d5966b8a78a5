import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { panelIds } from '../ids.ts';
import { isActive, newestFirst } from '../views/runText.ts';
import type { CurvesPanel, CurvesPanelActions } from './curvesPanel.ts';

/** Opens, finds and restores the curves panel: one a window. Its code and the schemas are loaded when it is needed. */
export class CurvesPanels extends Disposable implements vscode.WebviewPanelSerializer {
  readonly #service: ControlService;
  readonly #actions: CurvesPanelActions;
  readonly #context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel };
  #panel: CurvesPanel | undefined;

  constructor(
    service: ControlService,
    actions: CurvesPanelActions,
    context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel },
  ) {
    super();
    this.#service = service;
    this.#actions = actions;
    this.#context = context;
    this.register(vscode.window.registerWebviewPanelSerializer(panelIds.curves, this));
  }

  /** Shows these runs beside those on show; without any: those on show, else what runs, else the newest run. */
  async show(runs: readonly string[] = []): Promise<void> {
    if (this.#panel) {
      if (runs.length > 0) this.#panel.addRuns(runs);
      this.#panel.reveal();
      return;
    }
    const { pageOptions } = await import('./pagePanel.ts');
    const panel = vscode.window.createWebviewPanel(
      panelIds.curves,
      'Curves',
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      pageOptions(this.#context.extensionUri),
    );
    await this.#adopt(panel, undefined, runs.length > 0 ? runs : undefined);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, saved: unknown): Promise<void> {
    if (this.#panel) panel.dispose();
    else await this.#adopt(panel, saved, []);
  }

  async #adopt(
    panel: vscode.WebviewPanel,
    saved: unknown,
    runs: readonly string[] | undefined,
  ): Promise<void> {
    const { CurvesPanel, curvesStateOf } = await import('./curvesPanel.ts');
    const curves = new CurvesPanel(panel, curvesStateOf(saved), this.#service, this.#actions, this.#context);
    this.#panel = this.register(curves);
    curves.onEnded(() => {
      if (this.#panel === curves) this.#panel = undefined;
    });
    curves.addRuns(runs ?? (await this.#defaultRuns()));
  }

  async #defaultRuns(): Promise<string[]> {
    try {
      await this.#service.ready();
    } catch {
      return [];
    }
    const all = [...this.#service.runs.values()].sort(newestFirst);
    const active = all.filter(isActive);
    return (active.length > 0 ? active : all.slice(0, 1)).map((run) => run.run);
  }
}
