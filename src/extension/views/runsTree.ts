import * as vscode from 'vscode';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { contextKeys, itemContexts, viewIds } from '../ids.ts';
import { newestFirst, queuePlaces, runContext, runIcons, runTooltip, runTreeDescription } from './runText.ts';
import { themeIcon, tooltip } from './treeBase.ts';

type Element = { kind: 'run'; run: string } | { kind: 'checkpoint'; run: string; step: number };

/** All runs, newest first; a run holds its checkpoints. */
export class RunsTree extends Disposable implements vscode.TreeDataProvider<Element> {
  readonly #service: ControlService;
  readonly #changed = this.register(new vscode.EventEmitter<Element[] | undefined>());
  readonly onDidChangeTreeData = this.#changed.event;
  /** Of the runs that wait in queues. */
  #places = new Map<string, string>();
  readonly #elements = new Map<string, Element>();
  readonly #view: vscode.TreeView<Element>;

  constructor(service: ControlService) {
    super();
    this.#service = service;
    this.register(
      service.onRuns(({ runs, removed }) => {
        void vscode.commands.executeCommand('setContext', contextKeys.hasRuns, service.runs.size > 0);
        const known = runs.flatMap((run) => this.#elements.get(run.run) ?? []);
        // One run that leaves a queue changes the place of all behind it.
        const queuesMoved = this.#countPlaces();
        const whole = known.length < runs.length || removed.length > 0 || queuesMoved;
        this.#changed.fire(whole ? undefined : known);
      }),
    );
    this.#view = this.register(
      vscode.window.createTreeView(viewIds.runs, { treeDataProvider: this, showCollapseAll: true }),
    );
  }

  /** Runs that are selected, a selected checkpoint's too, each once. */
  get selectedRuns(): readonly string[] {
    return [...new Set(this.#view.selection.map(({ run }) => run))];
  }

  async getChildren(parent?: Element): Promise<Element[]> {
    if (parent?.kind === 'checkpoint') return [];
    if (parent) {
      const steps = this.#service.runs.get(parent.run)?.checkpoints ?? [];
      return [...steps].sort((a, b) => b - a).map((step) => ({ kind: 'checkpoint', run: parent.run, step }));
    }
    await this.#service.ready();
    const runs = [...this.#service.runs.values()].sort(newestFirst);
    return runs.map(({ run }) => {
      const element = this.#elements.get(run) ?? { kind: 'run', run };
      this.#elements.set(run, element);
      return element;
    });
  }

  getTreeItem(element: Element): vscode.TreeItem {
    const run = this.#service.runs.get(element.run);
    if (!run) return new vscode.TreeItem(element.run);
    return element.kind === 'run'
      ? runItem(run, this.#places.get(run.run))
      : checkpointItem(run, element.step);
  }

  /** True where they changed. */
  #countPlaces(): boolean {
    const before = this.#places;
    this.#places = queuePlaces(this.#service.runs.values());
    return (
      before.size !== this.#places.size || [...this.#places].some(([run, place]) => before.get(run) !== place)
    );
  }
}

function runItem(run: RunSummary, place: string | undefined): vscode.TreeItem {
  const { None, Collapsed } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(run.name, run.checkpoints.length > 0 ? Collapsed : None);
  item.id = `run:${run.run}`;
  item.description = runTreeDescription(run, place);
  item.iconPath = themeIcon(runIcons[run.state]);
  item.tooltip = tooltip(runTooltip(run));
  item.contextValue = runContext(run);
  item.accessibilityInformation = { label: `${run.name}, ${run.state}, ${item.description}` };
  return item;
}

function checkpointItem(run: RunSummary, step: number): vscode.TreeItem {
  const item = new vscode.TreeItem(`step ${step}`);
  item.id = `checkpoint:${run.run}:${step}`;
  item.description = run.phases.find((phase) => step <= phase.until)?.objective ?? '';
  item.iconPath = new vscode.ThemeIcon('archive');
  item.tooltip = tooltip([
    `${run.name}, checkpoint of step ${step}`,
    `Name it in a run file as ${run.run}@${step}`,
  ]);
  item.contextValue = itemContexts.checkpoint;
  return item;
}
