import * as vscode from 'vscode';
import type { CurvesState, LinkedView } from '../../protocol/pageMessages.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { contextKeys, panelIds } from '../ids.ts';
import { isActive, newestFirst } from '../views/runText.ts';
import type { CurvesPanel, CurvesPanelActions } from './curvesPanel.ts';

/**
 * Opens, finds, restores and links the curves panels of a window. Their code and the schemas are loaded when they are
 * needed.
 */
export class CurvesPanels extends Disposable implements vscode.WebviewPanelSerializer {
  readonly #service: ControlService;
  readonly #actions: CurvesPanelActions;
  readonly #context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel };
  /** The one that was used last comes last. */
  readonly #panels = new Set<CurvesPanel>();
  /** The code of the first one is being loaded. */
  #opening: Promise<void> | undefined;

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
    while (this.#opening && !this.#last()) await this.#opening.catch(() => undefined);
    const last = this.#last();
    if (!last) {
      this.#opening = this.#open(undefined, runs.length > 0 ? runs : undefined).finally(() => {
        this.#opening = undefined;
      });
      await this.#opening;
      return;
    }
    last.addRuns(runs.length > 0 ? runs : this.#activeRuns());
    last.reveal();
  }

  /** Opens one more panel with what the last one shows, or with these runs. */
  async showInNewPanel(runs: readonly string[] = []): Promise<void> {
    const last = this.#last();
    // Beside the last one: over it only one of both would be seen.
    const column = last ? Math.min(last.column + 1, vscode.ViewColumn.Nine) : vscode.ViewColumn.Beside;
    await this.#open(last?.state, runs.length > 0 ? runs : last?.runs, column);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, saved: unknown): Promise<void> {
    // A page that had no time to save anything starts like a new one.
    await this.#adopt(panel, saved, saved === undefined || saved === null ? undefined : []);
  }

  /** The panel in use, else the one used last. */
  #last(): CurvesPanel | undefined {
    const panels = [...this.#panels];
    return panels.find((panel) => panel.active) ?? panels.at(-1);
  }

  async #open(
    state: CurvesState | undefined,
    runs: readonly string[] | undefined,
    viewColumn: vscode.ViewColumn = vscode.ViewColumn.Beside,
  ): Promise<void> {
    const { pageOptions } = await import('./pagePanel.ts');
    const panel = vscode.window.createWebviewPanel(
      panelIds.curves,
      'Curves',
      { viewColumn, preserveFocus: true },
      pageOptions(this.#context.extensionUri),
    );
    await this.#adopt(panel, state, runs);
  }

  async #adopt(
    panel: vscode.WebviewPanel,
    saved: unknown,
    runs: readonly string[] | undefined,
  ): Promise<void> {
    const { CurvesPanel } = await import('./curvesPanel.ts');
    const { curvesStateOf } = await import('./curvesState.ts');
    const state = curvesStateOf(saved);
    const curves = new CurvesPanel(panel, state, this.#service, this.#actions, {
      ...this.#context,
      subscriptions: this.#service.subscriptions,
      linked: (from, view) => this.#link(from, view),
    });
    this.#panels.add(this.register(curves));
    curves.onEnded(() => this.#panels.delete(curves));
    panel.onDidChangeViewState(() => {
      if (!panel.active) return;
      this.#panels.delete(curves);
      this.#panels.add(curves);
    });
    const shown = runs ?? (await this.#defaultRuns());
    curves.addRuns(shown);
    if (shown.length > 0) void vscode.commands.executeCommand('setContext', contextKeys.curvesShown, true);
  }

  /** Hands a cursor or range on to the other panels; hidden ones get nothing. */
  #link(from: CurvesPanel, view: LinkedView): void {
    for (const panel of this.#panels) if (panel !== from) panel.follow(view);
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
