import * as vscode from 'vscode';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { groupSchema, labelSchema, type NotesChange, tagSchema } from '../../protocol/runNotes.ts';
import type { ControlService } from '../control/controlService.ts';
import { plainLabel, plainMessage } from '../plainLabel.ts';
import {
  commonTags,
  groupRows,
  knownGroups,
  knownTags,
  type TagRow,
  tagChange,
  tagMeant,
  tagRows,
} from '../runs/noteRows.ts';
import { type Clicked, pickRun, type RunChoice, runsFor } from './picks.ts';

/** A name for people; an empty one takes the label away. Of several selected rows it is for the clicked one. */
export async function labelRun(
  service: ControlService,
  { clicked, runs: [given] }: RunChoice,
): Promise<void> {
  const isRun = (clicked as Clicked)?.kind === 'run';
  const run = await pickRun(service, isRun || given === undefined ? clicked : { kind: 'run', run: given }, {
    title: 'Label which run?',
    fits: () => true,
    none: 'There is no run yet.',
  });
  if (!run) return;
  const typed = await vscode.window.showInputBox({
    title: `Label of ${plainLabel(run.name)}`,
    prompt: `Shown in place of ${plainLabel(run.launchedName)}, the name it was launched with. Empty: that name again.`,
    value: run.name,
    validateInput: (text) =>
      text.trim() === '' || labelSchema.safeParse(text).success ? undefined : 'At most 200 characters.',
  });
  if (typed === undefined) return;
  const label = typed.trim();
  await note(service, [run.run], { label: label === '' || label === run.launchedName ? null : label });
}

/** Any number of tags for any number of runs; those that all of them have are ticked. */
export async function tagRuns(service: ControlService, choice: RunChoice): Promise<void> {
  const runs = await runsFor(service, choice, { title: 'Tag which runs?', fits: () => true });
  if (runs.length === 0) return;
  const ticked = await pickTags(runs, knownTags(service.runs.values()));
  const change = ticked && tagChange(runs, ticked);
  if (change) await note(service, idsOf(runs), change);
}

export async function groupRuns(service: ControlService, choice: RunChoice): Promise<void> {
  const runs = await runsFor(service, choice, { title: 'Put which runs in a group?', fits: () => true });
  if (runs.length === 0) return;
  const rows = groupRows(runs, knownGroups(service.runs.values()));
  const picked = await vscode.window.showQuickPick(rows, {
    title: `Group of ${runsText(runs)}`,
    placeHolder: 'A run is in one group at most',
  });
  if (!picked) return;
  if (picked.does !== 'new') {
    await note(service, idsOf(runs), { group: picked.does === 'none' ? null : picked.group });
    return;
  }
  const typed = await vscode.window.showInputBox({
    title: `New group for ${runsText(runs)}`,
    validateInput: (text) =>
      groupSchema.safeParse(text).success ? undefined : 'A name of 1 to 100 characters.',
  });
  if (typed !== undefined) await note(service, idsOf(runs), { group: typed });
}

/** Archived runs are hidden until they are asked for; nothing else changes. */
export async function archiveRuns(
  service: ControlService,
  choice: RunChoice,
  archived: boolean,
): Promise<void> {
  const runs = await runsFor(service, choice, {
    title: archived ? 'Archive which runs?' : 'Take which runs out of the archive?',
    fits: (run) => run.archived !== archived,
    none: archived ? 'There is no run that is not archived.' : 'No run is archived.',
  });
  if (runs.length === 0) return;
  await note(service, idsOf(runs), { archived });
  if (!archived) return;
  const undo = 'Undo';
  void vscode.window
    .showInformationMessage(
      plainMessage(`Archived ${runsText(runs)}. "Show Archived Runs" shows what is archived.`),
      undo,
    )
    .then((chosen) => {
      if (chosen === undo) return note(service, idsOf(runs), { archived: false });
    });
}

async function note(service: ControlService, runs: string[], change: NotesChange): Promise<void> {
  await service.call('noteRuns', { runs, change });
}

function idsOf(runs: readonly RunSummary[]): string[] {
  return runs.map(({ run }) => run);
}

/** "a run's name", or "3 runs". */
export function runsText(runs: readonly Pick<RunSummary, 'name'>[]): string {
  const [only] = runs;
  return only && runs.length === 1 ? plainLabel(only.name) : `${runs.length} runs`;
}

/** The tags that are ticked at the end, or undefined when closed. Enter ticks what is typed; without a text it ends. */
function pickTags(runs: readonly RunSummary[], all: readonly string[]): Promise<Set<string> | undefined> {
  const pick = vscode.window.createQuickPick<TagRow>();
  const known = new Set(all);
  let ticked = commonTags(runs);
  const show = (typed: string): void => {
    pick.items = tagRows(runs, [...known], typed);
    pick.selectedItems = pick.items.filter(({ tag }) => ticked.has(tag));
    const meant = tagMeant(pick.items, typed);
    // The list of many ticks has no row of its own choice: Enter takes the one that is marked.
    pick.activeItems = meant ? [meant] : [];
  };
  pick.canSelectMany = true;
  pick.title = `Tags of ${runsText(runs)}`;
  pick.placeholder = 'Type a tag and press Enter to tick it, a new one too; Enter again when done';
  show('');
  return new Promise((resolve) => {
    pick.onDidChangeValue((text) => {
      ticked = new Set(pick.selectedItems.map(({ tag }) => tag));
      show(tagSchema.safeParse(text).data ?? '');
    });
    pick.onDidAccept(() => {
      ticked = new Set(pick.selectedItems.map(({ tag }) => tag));
      const row = pick.activeItems[0] ?? tagMeant(pick.items, pick.value.trim());
      if (pick.value.trim() === '' || !row) {
        resolve(ticked);
        pick.hide();
        return;
      }
      known.add(row.tag);
      ticked.add(row.tag);
      pick.value = '';
      show('');
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}
