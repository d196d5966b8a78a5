import * as vscode from 'vscode';
import { BiphaseError } from '../../core/errors.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { contextKeys, viewIds } from '../ids.ts';
import { requireTrust, showError } from '../messages.ts';
import { tooltip } from '../views/treeBase.ts';
import { dropChange } from './dropChange.ts';
import { checkpointItem, groupItem, runItem } from './rowItems.ts';
import { checkpointTooltip, fullRunTooltip } from './rowTooltips.ts';
import { type Row, RunsModel } from './runsModel.ts';
import { type RunsView, runsViewOf, viewDescription } from './runsView.ts';

const savedView = 'biphase.runsView';
const dragType = 'application/vnd.code.tree.biphase.runs';
/** Rows are drawn anew five times a second at most. */
const drawEveryMs = 200;

/** The runs as the person wants to see them; a run holds its checkpoints, and those what began from them. */
export class RunsTree
  extends Disposable
  implements vscode.TreeDataProvider<Row>, vscode.TreeDragAndDropController<Row>
{
  readonly dragMimeTypes: readonly string[] = [dragType];
  readonly dropMimeTypes: readonly string[] = [dragType];
  readonly #changed = this.register(new vscode.EventEmitter<Row[] | undefined>());
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #service: ControlService;
  readonly #state: vscode.Memento;
  readonly #log: vscode.LogOutputChannel;
  readonly #model: RunsModel;
  readonly #tree: vscode.TreeView<Row>;
  readonly #waiting = new Set<string>();
  readonly #contexts = new Map<string, boolean>();
  #view: RunsView;
  #timer: NodeJS.Timeout | undefined;

  constructor(service: ControlService, state: vscode.Memento, log: vscode.LogOutputChannel) {
    super();
    this.#service = service;
    this.#state = state;
    this.#log = log;
    this.#model = new RunsModel(service.runs);
    this.#view = runsViewOf(state.get(savedView));
    this.#model.setView(this.#view);
    this.register(
      service.onRuns(({ runs, removed }) => {
        for (const { run } of runs) this.#waiting.add(run);
        for (const run of removed) this.#waiting.add(run);
        // What a person did a moment ago is drawn at once; what streams in is gathered.
        if (this.#timer) return;
        this.#draw();
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          if (this.#waiting.size > 0) this.#draw();
        }, drawEveryMs);
      }),
    );
    this.register({ dispose: () => clearTimeout(this.#timer) });
    this.#tree = this.register(
      vscode.window.createTreeView(viewIds.runs, {
        treeDataProvider: this,
        showCollapseAll: true,
        canSelectMany: true,
        dragAndDropController: this,
      }),
    );
    this.#describe();
  }

  get view(): RunsView {
    return this.#view;
  }

  /** Shows runs in another way; `keep`: also after the window is closed. */
  setView(view: RunsView, keep = true): void {
    this.#view = view;
    this.#model.setView(view);
    this.#describe();
    this.#changed.fire(undefined);
    if (keep) void this.#state.update(savedView, view);
  }

  /**
   * Runs that a command is for: those of all selected rows where the clicked one is among them, else of the clicked one;
   * of the selection where a key says so. None for a command of the palette.
   */
  chosenRuns(clicked: unknown, selected: unknown): string[] {
    const { kind } = (clicked ?? {}) as { kind?: unknown };
    if (kind === 'selection') return this.#runsOf(this.#tree.selection);
    if (kind !== 'run' && kind !== 'group') return [];
    const rows = Array.isArray(selected) && selected.includes(clicked) ? selected : [clicked];
    return this.#runsOf(rows as Row[]);
  }

  get selectedRuns(): readonly string[] {
    return this.#runsOf(this.#tree.selection);
  }

  /** The runs that rows stand for, each once. Of a checkpoint that is none: it is chosen for itself. */
  #runsOf(rows: readonly Row[]): string[] {
    const runs = rows.flatMap((row) => {
      if (row.kind === 'checkpoint') return [];
      if (row.kind === 'run') return [row.run];
      return this.#model.group(row.key)?.runs.map(({ run }) => run) ?? [];
    });
    return [...new Set(runs)];
  }

  async getChildren(parent?: Row): Promise<Row[]> {
    if (!parent) await this.#service.ready();
    return this.#model.children(parent);
  }

  getTreeItem(row: Row): vscode.TreeItem {
    if (row.kind === 'group') return groupItem(row, this.#model.group(row.key), this.#view.grouping);
    const run = this.#model.run(row.run);
    if (!run) return new vscode.TreeItem(row.run);
    if (row.kind === 'checkpoint')
      return checkpointItem(row, run, this.#model.branchesOf(row.run, row.step).length);
    return runItem(row, run, {
      opens: this.#model.stepsOf(row.run).length > 0,
      place: this.#model.placeOf(row.run),
      seed: this.#model.seedOf(row.run),
    });
  }

  /** Tooltips are made when they are shown: they ask control for what no row needs. */
  async resolveTreeItem(item: vscode.TreeItem, row: Row): Promise<vscode.TreeItem> {
    const run = row.kind === 'group' ? undefined : this.#model.run(row.run);
    if (!run || row.kind === 'group') return item;
    const lines =
      row.kind === 'checkpoint'
        ? await checkpointTooltip(this.#service, run, row.step)
        : await fullRunTooltip(this.#service, run, this.#model.neighbourOf(run));
    item.tooltip = tooltip(lines);
    return item;
  }

  handleDrag(rows: readonly Row[], data: vscode.DataTransfer): void {
    data.set(dragType, new vscode.DataTransferItem(this.#runsOf(rows)));
  }

  async handleDrop(target: Row | undefined, data: vscode.DataTransfer): Promise<void> {
    const runs: unknown = data.get(dragType)?.value;
    const group = target?.kind === 'group' ? this.#model.group(target.key) : undefined;
    try {
      const change = group && dropChange(this.#view.grouping, group.name);
      if (!Array.isArray(runs) || runs.length === 0) return;
      if (!change)
        throw new BiphaseError('usage', 'Runs can be dropped on a tag or a group.', {
          next: 'Group the runs by tag or by group first.',
        });
      requireTrust();
      await this.#service.call('noteRuns', { runs: runs.map(String), change });
    } catch (thrown) {
      showError(thrown, this.#log);
    }
  }

  #draw(): void {
    const rows = this.#model.refresh(this.#waiting);
    this.#waiting.clear();
    this.#describe();
    if (rows === undefined || rows.length > 0) this.#changed.fire(rows);
  }

  #describe(): void {
    const { shown, all } = this.#model.counts;
    const description = viewDescription(this.#view, shown, all);
    if (this.#tree.description !== description)
      // Undefined would leave the old text.
      this.#tree.description = description ?? '';
    const runs = [...this.#service.runs.values()];
    this.#setContext(contextKeys.hasRuns, runs.length > 0);
    this.#setContext(
      contextKeys.hasFinishedRun,
      runs.some(({ state }) => state === 'finished'),
    );
    this.#setContext(
      contextKeys.hasNotes,
      runs.some((run) => run.tags.length > 0 || run.name !== run.launchedName),
    );
    this.#setContext(
      contextKeys.hasArchivedRuns,
      runs.some(({ archived }) => archived),
    );
    this.#setContext(
      contextKeys.hasBaseline,
      runs.some(({ baseline }) => baseline),
    );
    this.#setContext(contextKeys.runsFiltered, this.#view.filter.trim() !== '');
    this.#setContext(contextKeys.archivedShown, this.#view.archived);
    this.#setContext(contextKeys.noRunShown, shown === 0 && runs.length > 0);
  }

  #setContext(key: string, value: boolean): void {
    if (this.#contexts.get(key) === value) return;
    this.#contexts.set(key, value);
    void vscode.commands.executeCommand('setContext', key, value);
  }
}
