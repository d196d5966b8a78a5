import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import type { ComparePanels } from '../panels/comparePanels.ts';
import { pickRun, pickRuns } from './picks.ts';

/**
 * Several rows that the command was `given` by the tree are compared at once; where they are one setup, it asks with what,
 * as they are one column. Else it asks, with that row ticked beside what is compared already, or with the tree's selection.
 */
export async function compareRuns(
  service: ControlService,
  panels: ComparePanels,
  given: readonly string[],
  selected: readonly string[],
): Promise<void> {
  await service.ready();
  if (service.runs.size === 0) {
    void vscode.window.showInformationMessage('There is no run yet.');
    return;
  }
  const setups = new Set(given.map((run) => service.runs.get(run)?.setup ?? run));
  if (setups.size > 1) {
    await panels.show(given);
    return;
  }
  const seeds = given.length > 1;
  const ticked = seeds
    ? given
    : given.length > 0
      ? [...panels.runs, ...given]
      : selected.length > 0
        ? selected
        : panels.runs;
  const title = seeds ? 'Which runs to compare with these seeds of one setup?' : 'Which runs to compare?';
  const picked = await pickRuns(service, ticked, title);
  if (picked && picked.length > 0) await panels.show(inOrder(picked, ticked));
}

/** Remembers the run for all windows; where nothing is compared yet it asks with what to compare it. */
export async function pinBaseline(
  service: ControlService,
  panels: ComparePanels,
  clicked: unknown,
): Promise<void> {
  const run = await pickRun(service, clicked, {
    title: 'Which run is the baseline?',
    fits: () => true,
    none: 'There is no run yet.',
  });
  if (!run) return;
  await service.call('pinBaseline', { run: run.run });
  if (!panels.isOpen) {
    const picked = await pickRuns(service, [run.run], `Which runs to compare with ${run.name}?`);
    if (!picked || picked.length === 0) return;
    await panels.show(inOrder(picked, [run.run]));
  }
  await panels.setBaseline(run.run);
}

/** What was there before first, in its order; newcomers behind it. */
function inOrder(picked: readonly string[], before: readonly string[]): string[] {
  const wanted = new Set(picked);
  return [...new Set([...before.filter((run) => wanted.has(run)), ...picked])];
}
