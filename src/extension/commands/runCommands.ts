import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { withTransferProgress } from '../control/transferProgress.ts';
import { plainMessage } from '../plainLabel.ts';
import { isActive, isResumable } from '../views/runText.ts';
import { pickRun } from './picks.ts';

/** Asks the run to stop: it saves a checkpoint and ends. One that is stopping already can be ended at once. */
export async function stopRun(service: ControlService, clicked: unknown): Promise<void> {
  const run = await pickRun(service, clicked, {
    title: 'Stop which run?',
    fits: isActive,
    none: 'No run is running.',
  });
  if (!run) return;
  if (run.state !== 'stopping') {
    await service.call('stop', { run: run.run });
    return;
  }
  const endNow = 'End Now';
  const answer = await vscode.window.showWarningMessage(
    plainMessage(`${run.name} is stopping: it finishes the pass it is in and saves. End it at once?`),
    { modal: true, detail: 'Steps since its last checkpoint are lost.' },
    endNow,
  );
  if (answer === endNow) await service.call('kill', { run: run.run });
}

/** A new segment from the last complete checkpoint; the answer is the run's id. */
export async function resumeRun(service: ControlService, clicked: unknown): Promise<string | undefined> {
  const run = await pickRun(service, clicked, {
    title: 'Resume which run?',
    fits: isResumable,
    none: 'No run has stopped before its end.',
  });
  if (!run) return undefined;
  await withTransferProgress(service, { title: `Resuming ${run.name}`, transfer: run.run }, () =>
    service.call('resume', { run: run.run }),
  );
  return run.run;
}
