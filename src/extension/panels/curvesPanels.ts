import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { contextKeys, panelIds } from '../ids.ts';
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

  /** Shows these runs beside those on show; without any: what runs, else those on show, else the newest run. */
  async show(runs: readonly string[] = []): Promise<void> {
    if (this.#panel) {
      this.#panel.addRuns(runs.length > 0 ? runs : this.#activeRuns());
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
    const { CurvesPanel } = await import('./curvesPanel.ts');
    const { curvesStateOf } = await import('./curvesState.ts');
    const curves = new CurvesPanel(panel, curvesStateOf(saved), this.#service, this.#actions, this.#context);
    this.#panel = this.register(curves);
    curves.onEnded(() => {
      if (this.#panel === curves) this.#panel = undefined;
    });
    const shown = runs ?? (await this.#defaultRuns());
    curves.addRuns(shown);
    if (shown.length > 0) void vscode.commands.executeCommand('setContext', contextKeys.curvesShown, true);
  }

  async #defaultRuns(): Promise<string[]> {
    try {
      await this.#service.ready();
    } catch {
      return [];
    }
    const active = this.#activeRuns();
    if (active.length > 0) return active;
    const all = [...this.#service.runs.values()].sort(newestFirst);
    return all.slice(0, 1).map((run) => run.run);
  }

  #activeRuns(): string[] {
    const active = [...this.#service.runs.values()].filter(isActive);
    return active.sort(newestFirst).map((run) => run.run);
  }
}
