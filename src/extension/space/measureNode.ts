import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { BiphaseError } from '../../core/errors.ts';
import type { DiskUse } from '../../protocol/diskSpace.ts';
import type { ControlService } from '../control/controlService.ts';

/** What lies on a node, with progress on show. @throws BiphaseError `cancelled` where the person cancels it */
export async function measureNode(service: ControlService, name: string): Promise<DiskUse> {
  const ask = randomUUID();
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: `Measuring ${name}`, cancellable: true },
    (_progress, token) => {
      const cancelled = new Promise<never>((_resolve, reject) => {
        token.onCancellationRequested(() => {
          // Where the node does not answer any more there is nothing to end.
          service.call('interrupt', { name, ask }).catch(() => {});
          reject(new BiphaseError('cancelled', 'Measuring was cancelled.'));
        });
      });
      return Promise.race([service.call('diskUse', { name, ask }), cancelled]);
    },
  );
}
