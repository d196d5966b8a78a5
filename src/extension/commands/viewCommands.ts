import * as vscode from 'vscode';
import { filterKeys } from '../../core/runList/runFilter.ts';
import { groupings, sortings } from '../../core/runList/runGroups.ts';
import type { RunsTree } from '../runs/runsTree.ts';
import { filterProblem, groupingTexts, sortingTexts } from '../runs/runsView.ts';

const waitMs = 150;

/** The tree follows what is typed; closed without Enter it is as before. */
export function filterRuns(tree: RunsTree): Promise<void> {
  const before = tree.view;
  const box = vscode.window.createInputBox();
  box.title = 'Filter Runs';
  box.prompt = `Words of a name, or ${filterKeys.map((key) => `${key}:`).join(', ')} with a value. A comma means or, a minus means not.`;
  box.placeholder = '610m state:failed,lost -tag:old';
  box.value = before.filter;
  let timer: NodeJS.Timeout | undefined;
  let taken = false;
  const follow = (keep: boolean): boolean => {
    clearTimeout(timer);
    box.validationMessage = filterProblem(box.value);
    if (box.validationMessage !== undefined) return false;
    tree.setView({ ...tree.view, filter: box.value.trim() }, keep);
    return true;
  };
  return new Promise((resolve) => {
    box.onDidChangeValue(() => {
      clearTimeout(timer);
      timer = setTimeout(() => follow(false), waitMs);
    });
    box.onDidAccept(() => {
      taken = follow(true);
      if (taken) box.hide();
    });
    box.onDidHide(() => {
      clearTimeout(timer);
      if (!taken) tree.setView(before);
      box.dispose();
      resolve();
    });
    box.show();
  });
}

export async function groupRunsBy(tree: RunsTree): Promise<void> {
  const { grouping: now } = tree.view;
  const rows = groupings.map((grouping) => ({
    grouping,
    label: groupingTexts[grouping].label,
    detail: groupingTexts[grouping].detail,
    description: grouping === now ? 'now' : '',
  }));
  const picked = await vscode.window.showQuickPick(rows, {
    title: 'Group runs by what?',
    matchOnDetail: true,
  });
  if (picked) tree.setView({ ...tree.view, grouping: picked.grouping });
}

export async function sortRunsBy(tree: RunsTree): Promise<void> {
  const { sorting: now } = tree.view;
  const rows = sortings.map((sorting) => ({
    sorting,
    label: sortingTexts[sorting],
    description: sorting === now ? 'now' : '',
  }));
  const picked = await vscode.window.showQuickPick(rows, { title: 'Sort runs by what?' });
  if (picked) tree.setView({ ...tree.view, sorting: picked.sorting });
}
