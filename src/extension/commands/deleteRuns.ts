import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { errorText } from '../errorText.ts';
import { commandIds } from '../ids.ts';
import { plainMessage } from '../plainLabel.ts';
import { deletedText, deleteQuestion, deleteRows, hasFiles, workingRuns } from '../runs/deleteText.ts';
import { type RunChoice, runsFor } from './picks.ts';

interface Deleted {
  runs: RunSummary[];
  problems: string[];
}

/** Deletes runs here; their files on nodes only where the person picks that by the node's name. Nothing is at work. */
export async function deleteRuns(
  { service, log }: { service: ControlService; log: vscode.LogOutputChannel },
  choice: RunChoice,
): Promise<void> {
  const runs = await runsFor(service, choice, {
    title: 'Delete which runs?',
    fits: (run) => workingRuns([run]) === undefined,
    none: 'There is no run that could be deleted: those at work are stopped first.',
  });
  if (runs.length === 0) return;
  const working = workingRuns(runs);
  if (working !== undefined) {
    void vscode.window.showWarningMessage(plainMessage(working));
    return;
  }
  const places = await pickPlaces(runs);
  if (!places) return;
  const { question, detail, yes } = deleteQuestion(runs, places);
  const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes);
  if (answer !== yes) return;
  const deleted = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'Deleting runs' },
    () => deleteEach(service, runs, places),
  );
  for (const problem of deleted.problems) log.warn(problem);
  tell(service, deleted, places);
}

/** The nodes from which the files go too: none unless ticked. Undefined when closed. */
async function pickPlaces(runs: readonly RunSummary[]): Promise<Set<string> | undefined> {
  const rows = deleteRows(runs);
  if (rows.length === 0) return new Set();
  const picked = await vscode.window.showQuickPick(rows, {
    title: 'Delete the files on nodes too?',
    placeHolder: 'Nothing ticked: curves and notes go from this computer, files stay where they are',
    canPickMany: true,
    ignoreFocusOut: true,
  });
  return picked && new Set(picked.map(({ node }) => node));
}

async function deleteEach(
  service: ControlService,
  runs: readonly RunSummary[],
  places: ReadonlySet<string>,
): Promise<Deleted> {
  const deleted: Deleted = { runs: [], problems: [] };
  // One after the other: a node that does not answer is asked once a run, and what was deleted is known.
  for (const run of runs)
    try {
      await service.call('deleteRun', { run: run.run, onNode: run.onNode && places.has(run.node) });
      deleted.runs.push(run);
    } catch (thrown) {
      deleted.problems.push(`${run.name}: ${errorText(toBiphaseError(thrown))}`);
    }
  return deleted;
}

function tell(service: ControlService, { runs, problems }: Deleted, places: ReadonlySet<string>): void {
  const kept = runs.filter((run) => hasFiles(run) && !places.has(run.node));
  const text = plainMessage(deletedText(runs, kept, problems));
  const undo = 'Undo';
  const buttons = [...(kept.length > 0 ? [undo] : []), ...(problems.length > 0 ? ['Show Log'] : [])];
  const show = problems.length > 0 ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  void show(text, ...buttons).then(async (chosen) => {
    if (chosen === 'Show Log') await vscode.commands.executeCommand(commandIds.showLog);
    if (chosen === undo) for (const { run } of kept) await service.call('restoreRun', { run });
  });
}
