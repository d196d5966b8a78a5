import * as vscode from 'vscode';
import { transferText } from '../../core/transferText.ts';
import type { TransferProgress } from '../../protocol/controlApi.ts';
import type { ControlService } from './controlService.ts';
import { isSlow } from './slowProgress.ts';

/**
 * Waits for a call that may copy files. It shows in the status bar; once something is copied, and the call is slow, a
 * notification says how far that is and can cancel it.
 */
export async function withTransferProgress<T>(
  service: Pick<ControlService, 'call' | 'onTransfer'>,
  { title, transfer }: { title: string; transfer: string },
  call: () => Promise<T>,
): Promise<T> {
  const running = call();
  let newest: TransferProgress | undefined;
  let slow = false;
  let shown = false;
  const show = (): void => {
    if (shown || !slow || !newest) return;
    shown = true;
    void showCopy(service, title, newest, running);
  };
  const news = service.onTransfer((progress) => {
    if (progress.transfer !== transfer) return;
    newest = progress;
    show();
  });
  void isSlow(running).then((still) => {
    slow = still;
    show();
  });
  try {
    return await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title },
      () => running,
    );
  } finally {
    news.dispose();
  }
}

/** Until `running` settles, however. */
function showCopy(
  service: Pick<ControlService, 'call' | 'onTransfer'>,
  title: string,
  first: TransferProgress,
  running: Promise<unknown>,
): Thenable<void> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (report, token) => {
      const { transfer } = first;
      report.report({ message: transferText(first) });
      const news = service.onTransfer((progress) => {
        if (progress.transfer === transfer) report.report({ message: transferText(progress) });
      });
      const cancel = token.onCancellationRequested(
        // Control that is gone copies nothing.
        () => void service.call('cancelTransfer', { transfer }).catch(() => undefined),
      );
      await running.catch(() => undefined);
      news.dispose();
      cancel.dispose();
    },
  );
}
