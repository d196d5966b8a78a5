import * as vscode from 'vscode';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { commandIds } from '../ids.ts';
import { plainMessage } from '../plainLabel.ts';
import { isActive, lossText } from './runText.ts';

/** What a run's end says in one sentence; undefined where it needs none (a person stopped it). */
export function endSentence(run: RunSummary): { text: string; failed: boolean } | undefined {
  switch (run.state) {
    case 'finished': {
      const loss = lossText(run.loss);
      return {
        text: `${run.name} finished after ${run.step} steps${loss ? ` with loss ${loss}` : ''}.`,
        failed: false,
      };
    }
    case 'failed':
    case 'lost':
      return {
        text: `${run.name} ${run.state === 'lost' ? 'was lost' : 'failed'} at step ${run.step}${run.reason ? `: ${run.reason}` : '.'}`,
        failed: true,
      };
    default:
      return undefined;
  }
}

/** Tells of runs that end while they are watched; only in the window that has the focus, so once. */
export class EndNotices extends Disposable {
  readonly #active = new Set<string>();

  constructor(service: ControlService) {
    super();
    this.register(
      service.onRuns(({ runs, removed }) => {
        for (const run of runs) this.#see(run);
        for (const id of removed) this.#active.delete(id);
      }),
    );
  }

  #see(run: RunSummary): void {
    if (isActive(run)) {
      this.#active.add(run.run);
      return;
    }
    if (!this.#active.delete(run.run) || !vscode.window.state.focused) return;
    const end = endSentence(run);
    if (!end) return;
    const element = { kind: 'run', run: run.run };
    const [label, command] = end.failed
      ? ['Show Run Output', commandIds.showRunOutput]
      : ['Show Curves', commandIds.showCurves];
    const show = end.failed ? vscode.window.showErrorMessage : vscode.window.showInformationMessage;
    void show(plainMessage(end.text), label).then((chosen) => {
      if (chosen) return vscode.commands.executeCommand(command, element);
    });
  }
}
