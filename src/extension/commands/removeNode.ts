import * as vscode from 'vscode';
import { BiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import type { NodeSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { withSlowProgress } from '../control/slowProgress.ts';
import { measureNode } from '../space/measureNode.ts';
import { rootQuestion, rootRemovedText } from '../space/spaceText.ts';
import { pickNode } from './picks.ts';

/** Takes a node off the list; where the person says so twice its folder is deleted first. */
export async function removeNode(service: ControlService, clicked: unknown): Promise<void> {
  const isRemote = (node: NodeSummary): boolean => node.config.kind !== 'local';
  const node = await pickNode(service, clicked, {
    title: 'Remove which node?',
    fits: isRemote,
    none: 'There is no node to remove: this computer always stays.',
  });
  if (!node) return;
  const { name } = node.config;
  const detail =
    node.runningRuns > 0
      ? `${node.runningRuns} running: they go on there, and their curves stay here.`
      : 'Its runs and files stay there, and their curves stay here.';
  const answer = await vscode.window.showQuickPick(
    [
      { label: `Remove ${name}`, detail, choice: 'remove' as const },
      {
        label: `Remove ${name} and Delete Its Folder…`,
        detail: "Its runs, cache and programs there go too. Asks once more, with the folder's name.",
        choice: 'delete' as const,
      },
      { label: 'Keep it', choice: 'keep' as const },
    ],
    { title: `Remove node ${name}?`, ignoreFocusOut: true },
  );
  if (answer?.choice === 'remove') await service.call('removeNode', { name });
  if (answer?.choice === 'delete') await removeWithFolder(service, name);
}

async function removeWithFolder(service: ControlService, name: string): Promise<void> {
  const use = await measureNode(service, name);
  if (use.runs.some((run) => isActive(run.state)))
    throw new BiphaseError('refused', `${use.root} on ${name} is not deleted while runs are active there.`, {
      next: 'Stop them first.',
    });
  const { question, detail } = rootQuestion(name, use);
  const yes = 'Delete Folder and Remove Node';
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) !== yes) return;
  const { left } = await withSlowProgress({ title: `Deleting ${use.root} on ${name}` }, () =>
    service.call('removeNode', { name, deleteRoot: use.root }),
  );
  void vscode.window.showInformationMessage(rootRemovedText(name, use.root, left));
}
