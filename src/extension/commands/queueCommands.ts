import * as vscode from 'vscode';
import { prioritySchema, type QueueHold } from '../../protocol/queue.ts';
import type { ControlService } from '../control/controlService.ts';
import { heldText } from '../views/nodeText.ts';
import { pickNode, pickRun } from './picks.ts';

/** Holds a node's queue, or, with null, lets it go on. What runs goes on either way. */
export async function holdQueue(
  service: ControlService,
  clicked: unknown,
  hold: QueueHold | null,
): Promise<void> {
  const titles = {
    paused: 'Pause the queue of which node?',
    draining: 'Drain which node?',
    released: 'Let the queue of which node go on?',
  };
  const node = await pickNode(service, clicked, {
    title: titles[hold ?? 'released'],
    fits: (each) => each.hold !== hold,
    none: hold === null ? 'No queue is paused and no node is drained.' : 'Every node is so already.',
  });
  if (!node) return;
  const { name } = node.config;
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `Telling ${name}` },
    () => service.call('holdQueue', { node: name, hold }),
  );
  void vscode.window.showInformationMessage(heldText(name, hold));
}

/** Runs that wait with a higher priority start first. */
export async function setPriority(service: ControlService, clicked: unknown): Promise<void> {
  const run = await pickRun(service, clicked, {
    title: 'Set the priority of which waiting run?',
    fits: ({ queue }) => queue !== undefined,
    none: 'No run waits in a queue.',
  });
  if (!run) return;
  const typed = await vscode.window.showInputBox({
    title: `Priority of ${run.name}`,
    prompt: 'A whole number from -1000 to 1000. Runs with more start first; 0 is the usual one.',
    value: String(run.queue?.priority ?? 0),
    validateInput: (text) => (parsed(text) === undefined ? 'A whole number from -1000 to 1000.' : undefined),
  });
  const priority = typed === undefined ? undefined : parsed(typed);
  if (priority !== undefined) await service.call('setPriority', { run: run.run, priority });
}

function parsed(text: string): number | undefined {
  return text.trim() === '' ? undefined : prioritySchema.safeParse(Number(text)).data;
}
