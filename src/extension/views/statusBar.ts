import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { commandIds } from '../ids.ts';
import { isActive, newestFirst, runDescription, statusBarText } from './runText.ts';
import { tooltip } from './treeBase.ts';

/** "▶ 2 running · 2.31": opens the curves; hidden while nothing runs. */
export class StatusBar extends Disposable {
  constructor(service: ControlService) {
    super();
    const item = this.register(
      vscode.window.createStatusBarItem('biphase.running', vscode.StatusBarAlignment.Left, 10),
    );
    item.name = 'Biphase';
    item.command = commandIds.showCurves;
    this.register(
      service.onRuns(() => {
        const runs = [...service.runs.values()];
        const text = statusBarText(runs);
        if (text === undefined) {
          item.hide();
          return;
        }
        item.text = text;
        const active = runs.filter(isActive).sort(newestFirst);
        item.tooltip = tooltip([
          ...active.map((run) => `${run.name}: ${runDescription(run)}`),
          'Show the curves',
        ]);
        item.accessibilityInformation = {
          label: `Biphase: ${text.replace(/\$\([^)]*\) /, '')}. Show the curves.`,
        };
        item.show();
      }),
    );
  }
}
