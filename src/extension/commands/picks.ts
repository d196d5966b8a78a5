import * as vscode from 'vscode';
import type { NodeSummary, RunSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { plainLabel } from '../plainLabel.ts';
import { nodeDescription } from '../views/nodeText.ts';
import { clockText, newestFirst, runDescription, runIcons } from '../views/runText.ts';
import { themeIcon } from '../views/treeBase.ts';

/** What a command gets from a tree: the element that was clicked. */
export type Clicked = { kind: 'run'; run: string } | { kind: 'node'; node: string } | undefined;

export function runItem(run: RunSummary): vscode.QuickPickItem & { run: string } {
  return {
    run: run.run,
    label: plainLabel(run.name),
    iconPath: themeIcon(runIcons[run.state]),
    description: plainLabel(runDescription(run)),
    detail: plainLabel(
      [
        run.state,
        ...(run.seed === null ? [] : [`seed ${run.seed}`]),
        run.node,
        clockText(run.createdAt),
        run.run,
        ...run.tags.map((tag) => `#${tag}`),
      ].join(' · '),
    ),
  };
}

/** The clicked run, else a pick among those that `fits`, newest first; undefined when closed, or when there is `none`, which is told. */
export async function pickRun(
  service: ControlService,
  clicked: unknown,
  options: { title: string; fits: (run: RunSummary) => boolean; none: string },
): Promise<RunSummary | undefined> {
  await service.ready();
  const element = clicked as Clicked;
  if (element?.kind === 'run') {
    const run = service.runs.get(element.run);
    if (run) return run;
  }
  const runs = [...service.runs.values()].filter(options.fits).sort(newestFirst);
  if (runs.length === 0) {
    void vscode.window.showInformationMessage(options.none);
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(runs.map(runItem), {
    title: options.title,
    placeHolder: 'Type to filter; newest first',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return picked && service.runs.get(picked.run);
}

/** Any number of runs, those in `chosen` ticked; undefined when closed. */
export async function pickRuns(
  service: ControlService,
  chosen: readonly string[],
  title: string,
): Promise<string[] | undefined> {
  await service.ready();
  const runs = [...service.runs.values()].sort(newestFirst);
  const picked = await vscode.window.showQuickPick(
    runs.map((run) => ({ ...runItem(run), picked: chosen.includes(run.run) })),
    { title, canPickMany: true, matchOnDescription: true, matchOnDetail: true },
  );
  return picked?.map(({ run }) => run);
}

/** Rows that a command was given by the runs tree, its selection where a key was pressed there, or nothing. */
export interface RunChoice {
  clicked: unknown;
  /** Runs of all selected rows, where the clicked one is among them. */
  runs: readonly string[];
}

/** The runs of the rows that a command was given, else a pick of any number; empty when closed or where there is none. */
export async function runsFor(
  service: ControlService,
  { runs: given }: RunChoice,
  options: { title: string; fits: (run: RunSummary) => boolean; none?: string },
): Promise<RunSummary[]> {
  await service.ready();
  const known = given.flatMap((run) => service.runs.get(run) ?? []);
  if (known.length > 0) return known;
  const runs = [...service.runs.values()].filter(options.fits).sort(newestFirst);
  if (runs.length === 0) {
    void vscode.window.showInformationMessage(options.none ?? 'There is no run yet.');
    return [];
  }
  const picked = await vscode.window.showQuickPick(runs.map(runItem), {
    title: options.title,
    placeHolder: 'Type to filter; newest first',
    canPickMany: true,
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return picked?.flatMap(({ run }) => service.runs.get(run) ?? []) ?? [];
}

/** The clicked node, else a pick; undefined when closed, or when there is none, which is told. */
export async function pickNode(
  service: ControlService,
  clicked: unknown,
  options: { title: string; fits?: (node: NodeSummary) => boolean; none?: string },
): Promise<NodeSummary | undefined> {
  await service.ready();
  const element = clicked as Clicked;
  const nodes = service.nodes.filter(options.fits ?? (() => true));
  if (element?.kind === 'node') {
    const node = nodes.find((n) => n.config.name === element.node);
    if (node) return node;
  }
  if (nodes.length === 0) {
    void vscode.window.showInformationMessage(options.none ?? 'There is no node. Add one with Add Node….');
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(
    nodes.map((node) => ({ label: plainLabel(node.config.name), description: nodeDescription(node), node })),
    { title: options.title, matchOnDescription: true },
  );
  return picked?.node;
}
