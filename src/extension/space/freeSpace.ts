import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import { formatBytes } from '../../core/numberFormat.ts';
import type { DiskUse } from '../../protocol/diskSpace.ts';
import { pickNode } from '../commands/picks.ts';
import type { ControlService } from '../control/controlService.ts';
import { withSlowProgress } from '../control/slowProgress.ts';
import { errorText } from '../errorText.ts';
import { commandIds } from '../ids.ts';
import { measureNode } from './measureNode.ts';
import { type SpaceRow, spaceRows, withoutDoubles } from './spaceRows.ts';
import { confirmation, type FreedSum, freedText, nothingText, pickHint, pickTitle } from './spaceText.ts';

interface FreeSpaceParts {
  service: ControlService;
  log: vscode.LogOutputChannel;
}

/** A node, then what to delete on it, one question, and what was freed. */
export async function freeSpace({ service, log }: FreeSpaceParts, clicked: unknown): Promise<void> {
  const node = await pickNode(service, clicked, { title: 'Free space on which node?' });
  if (!node) return;
  const { name } = node.config;
  const use = await measureNode(service, name);
  const rows = spaceRows(use);
  if (rows.length === 0) {
    void vscode.window.showInformationMessage(nothingText(name, use));
    return;
  }
  const ticked = await pickRows(name, use, rows);
  if (ticked.length === 0) return;
  const { question, detail, yes } = confirmation(name, ticked);
  const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes);
  if (answer !== yes) return;
  const freed = await deleteRows(service, name, withoutDoubles(ticked));
  for (const problem of freed.problems) log.warn(`${name}: ${problem}`);
  const trouble = freed.problems.length > 0;
  const show = trouble ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  void show(freedText(name, freed), ...(trouble ? ['Show Log'] : [])).then((chosen) => {
    if (chosen) return vscode.commands.executeCommand(commandIds.showLog);
  });
  // Trees show what is free now.
  await service.call('nodes', {});
}

/** What the person ticks, nothing at first; empty when closed. */
function pickRows(node: string, use: DiskUse, rows: readonly SpaceRow[]): Promise<SpaceRow[]> {
  const pick = vscode.window.createQuickPick<SpaceRow | vscode.QuickPickItem>();
  pick.canSelectMany = true;
  pick.ignoreFocusOut = true;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.title = pickTitle(node, use, []);
  pick.placeholder = pickHint(use);
  pick.items = rows.flatMap((row, index) =>
    row.section === rows[index - 1]?.section
      ? [row]
      : [{ label: row.section, kind: vscode.QuickPickItemKind.Separator }, row],
  );
  const isRow = (item: SpaceRow | vscode.QuickPickItem): item is SpaceRow => 'item' in item;
  return new Promise((resolve) => {
    let ticked: SpaceRow[] = [];
    pick.onDidChangeSelection((items) => {
      pick.title = pickTitle(node, use, items.filter(isRow));
    });
    pick.onDidAccept(() => {
      ticked = pick.selectedItems.filter(isRow);
      pick.hide();
    });
    pick.onDidHide(() => {
      pick.dispose();
      resolve(ticked);
    });
    pick.show();
  });
}

/** One after the other: a cancellation leaves what has not begun. */
async function deleteRows(
  service: ControlService,
  name: string,
  rows: readonly SpaceRow[],
): Promise<FreedSum> {
  const problems: string[] = [];
  let bytes = 0;
  let done = 0;
  let cancelled = false;
  const cancel = (): void => {
    cancelled = true;
  };
  await withSlowProgress({ title: `Freeing space on ${name}`, cancel }, async (report) => {
    for (const { item } of rows) {
      if (cancelled) return;
      report({
        message: `${done} of ${rows.length}, ${formatBytes(bytes)} freed`,
        increment: done === 0 ? 0 : 100 / rows.length,
      });
      try {
        const [freed] = (await service.call('freeSpace', { name, items: [item] })).results;
        bytes += freed?.bytes ?? 0;
        if (freed?.problem) problems.push(freed.problem);
        done++;
      } catch (thrown) {
        // The node is out of reach: what was done so far is told all the same.
        problems.push(errorText(toBiphaseError(thrown)));
        return;
      }
    }
  });
  return { bytes, problems, skipped: rows.length - done };
}
