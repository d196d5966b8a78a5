import * as vscode from 'vscode';

const slowMs = 1000;

/** As `vscode.Progress` takes it; `increment` in percent of the whole. */
interface Step {
  message?: string;
  increment?: number;
}

/** Whether work still goes on when it has lasted for a second; it may fail. */
export function isSlow(running: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), slowMs);
    const over = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    running.then(over, over);
  });
}

/**
 * Shows work in the status bar, and in a notification once it is slow: VS Code shows three new notifications in 800 ms at
 * most, and the message that tells how quick work ended would stay under the bell. `cancel`: there is a button for it.
 */
export async function withSlowProgress<T>(
  { title, cancel }: { title: string; cancel?: () => void },
  work: (report: (step: Step) => void) => Promise<T>,
): Promise<T> {
  const soFar: Step = {};
  let show = (_step: Step): void => {};
  const running = work((step) => {
    if (step.message !== undefined) soFar.message = step.message;
    soFar.increment = (soFar.increment ?? 0) + (step.increment ?? 0);
    show(step);
  });
  void isSlow(running).then((slow) => {
    if (!slow) return;
    const { Notification } = vscode.ProgressLocation;
    void vscode.window.withProgress(
      { location: Notification, title, cancellable: cancel !== undefined },
      async (progress, token) => {
        progress.report(soFar);
        show = (step) => progress.report(step);
        if (cancel) token.onCancellationRequested(cancel);
        await running.catch(() => undefined);
      },
    );
  });
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => running);
}
