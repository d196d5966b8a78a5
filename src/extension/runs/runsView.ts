import { toBiphaseError } from '../../core/errors.ts';
import { matchesFilter, parseRunFilter, type RunFilter } from '../../core/runList/runFilter.ts';
import { type Grouping, groupings, type Sorting, sortings } from '../../core/runList/runGroups.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { errorText } from '../errorText.ts';

/** How the runs tree shows runs; kept for the workspace. */
export interface RunsView {
  /** As it was typed. */
  filter: string;
  grouping: Grouping;
  sorting: Sorting;
  /** Archived runs are shown too. */
  archived: boolean;
}

export const plainView: RunsView = { filter: '', grouping: 'none', sorting: 'newest', archived: false };

/** What each grouping and sorting is called. */
export const groupingTexts: Record<Grouping, { label: string; detail: string }> = {
  none: { label: 'No groups', detail: 'One list' },
  setup: { label: 'Setup', detail: 'Same setup, other seed: one group, with n' },
  node: { label: 'Node', detail: 'Where they run' },
  tag: { label: 'Tag', detail: 'A run is under each of its tags' },
  group: { label: 'Group', detail: 'The groups that you put runs in' },
  lineage: { label: 'Lineage', detail: 'A run, and all that began from its checkpoints' },
};
export const sortingTexts: Record<Sorting, string> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  name: 'Name',
  loss: 'Lowest loss first',
  state: 'State, those at work first',
};

/** The view as it was kept; what does not fit is as at first. */
export function runsViewOf(saved: unknown): RunsView {
  const given = (typeof saved === 'object' && saved !== null ? saved : {}) as Record<string, unknown>;
  const { filter, grouping, sorting, archived } = given;
  return {
    filter: typeof filter === 'string' && filterProblem(filter) === undefined ? filter : '',
    grouping: groupings.find((one) => one === grouping) ?? 'none',
    sorting: sortings.find((one) => one === sorting) ?? 'newest',
    archived: archived === true,
  };
}

/** What is wrong with a filter, in words; undefined where it can be used. */
export function filterProblem(text: string): string | undefined {
  try {
    parseRunFilter(text);
    return undefined;
  } catch (thrown) {
    return errorText(toBiphaseError(thrown));
  }
}

/** Whether the view shows the run. */
export function isShown(run: RunSummary, view: RunsView, filter: RunFilter): boolean {
  return (view.archived || !run.archived) && matchesFilter(run, filter);
}

/** Beside the view's title: what is filtered, grouped and left out; undefined where all is as at first. */
export function viewDescription(view: RunsView, shown: number, all: number): string | undefined {
  const parts = [
    view.filter.trim(),
    view.grouping === 'none' ? '' : `by ${groupingTexts[view.grouping].label.toLowerCase()}`,
    view.sorting === 'newest' ? '' : sortingTexts[view.sorting].toLowerCase(),
    view.archived ? 'with archived' : '',
    view.filter.trim() === '' ? '' : `${shown} of ${all}`,
  ].filter((part) => part !== '');
  return parts.length > 0 ? parts.join(' · ') : undefined;
}
