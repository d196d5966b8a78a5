import * as vscode from 'vscode';

/** One page of a wizard. `back`: the person went to the page before; undefined: closed. */
export async function stepPick<T extends vscode.QuickPickItem>(options: {
  title: string;
  placeholder: string;
  step: number;
  totalSteps: number;
  items: readonly T[];
  /** The row that is chosen at first; default: the first one. */
  active?: T | undefined;
}): Promise<T | 'back' | undefined> {
  const pick = vscode.window.createQuickPick<T>();
  pick.title = options.title;
  pick.placeholder = options.placeholder;
  pick.step = options.step;
  pick.totalSteps = options.totalSteps;
  pick.items = options.items;
  if (options.active) pick.activeItems = [options.active];
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.ignoreFocusOut = true;
  if (options.step > 1) pick.buttons = [vscode.QuickInputButtons.Back];
  return new Promise((resolve) => {
    let answer: T | 'back' | undefined;
    pick.onDidTriggerButton(() => {
      answer = 'back';
      pick.hide();
    });
    pick.onDidAccept(() => {
      const [item] = pick.selectedItems;
      if (!item) return;
      answer = item;
      pick.hide();
    });
    pick.onDidHide(() => {
      pick.dispose();
      resolve(answer);
    });
    pick.show();
  });
}
