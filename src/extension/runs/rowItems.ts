import * as vscode from 'vscode';
import { type Grouping, progressText, type RunGroup, seedsText } from '../../core/runList/runGroups.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { itemContexts } from '../ids.ts';
import { runContext, runIcons, runSpoken, runTreeDescription } from '../views/runText.ts';
import { themeIcon } from '../views/treeBase.ts';
import type { CheckpointRow, GroupRow, RunRow } from './runsModel.ts';

const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;

/** What a screen reader says of a row: its dots are commas. */
function spoken(name: string, description: string): string {
  return [name, ...description.split(' · ')].filter((part) => part !== '').join(', ');
}

/** Tooltips are left out: they are made when they are shown. */
export function runItem(
  row: RunRow,
  run: RunSummary,
  { opens, place, seed }: { opens: boolean; place?: string | undefined; seed?: string | undefined },
): vscode.TreeItem {
  const item = new vscode.TreeItem(run.name, opens ? Collapsed : None);
  item.id = row.id;
  // In a narrow view what comes last is cut off: first what sets it apart from other rows.
  item.description = [
    run.baseline ? 'baseline' : '',
    run.archived ? 'archived' : '',
    run.kind === 'imported' ? 'imported' : '',
    seed ?? '',
    runTreeDescription(run, place),
    ...run.tags.map((tag) => `#${tag}`),
  ]
    .filter((part) => part !== '')
    .join(' · ');
  item.iconPath = themeIcon(runIcons[run.state]);
  item.contextValue = [
    runContext(run),
    run.baseline ? itemContexts.baseline : '',
    run.archived ? itemContexts.archived : '',
  ].join('');
  item.accessibilityInformation = { label: runSpoken(run, { place, seed }) };
  return item;
}

export function checkpointItem(row: CheckpointRow, run: RunSummary, branches: number): vscode.TreeItem {
  const { step } = row;
  const there = run.checkpoints.includes(step);
  const item = new vscode.TreeItem(`step ${step}`, branches > 0 ? Collapsed : None);
  item.id = row.id;
  const phase = run.phases.find(({ until }) => step <= until)?.objective ?? '';
  const began = branches === 0 ? '' : `${branches} ${branches === 1 ? 'run' : 'runs'} from here`;
  item.description = [phase, began, there ? '' : 'deleted'].filter((part) => part !== '').join(' · ');
  item.iconPath = new vscode.ThemeIcon(there ? 'archive' : 'circle-slash');
  if (there) item.contextValue = itemContexts.checkpoint;
  item.accessibilityInformation = { label: spoken(`checkpoint of step ${step}`, item.description) };
  return item;
}

const noGroup: Record<Grouping, string> = {
  none: '',
  setup: '',
  lineage: '',
  node: '',
  tag: 'No tag',
  group: 'No group',
};
const groupIcons: Record<Grouping, string> = {
  none: 'list-unordered',
  setup: 'layers',
  lineage: 'git-branch',
  node: 'server',
  tag: 'tag',
  group: 'folder',
};

export function groupItem(
  row: GroupRow,
  group: RunGroup<RunSummary> | undefined,
  grouping: Grouping,
): vscode.TreeItem {
  const { name = null, runs = [] } = group ?? {};
  const label = name ?? noGroup[grouping];
  const item = new vscode.TreeItem(label, grouping === 'setup' ? Collapsed : Expanded);
  item.id = row.id;
  const count =
    grouping === 'setup' ? seedsText(runs) : `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`;
  item.description = `${count} · ${progressText(runs)}`;
  item.iconPath = new vscode.ThemeIcon(name === null ? 'circle-outline' : groupIcons[grouping]);
  item.contextValue = itemContexts.group;
  item.tooltip = '';
  item.accessibilityInformation = { label: spoken(label, item.description) };
  return item;
}
