import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { ControlService } from '../control/controlService.ts';
import { errorText } from '../errorText.ts';
import { type FolderRow, failedRows, folderRows } from './folderRows.ts';

type Item = vscode.QuickPickItem & { row: FolderRow };

/** What is shown of a folder: where it is, and its rows. */
interface Shown {
  path: string;
  rows: FolderRow[];
}

/**
 * A folder or corpus of a node, found by going through its folders from the home folder on. `back`: the person went to
 * the page before; undefined: closed.
 */
export function browseFolders(
  service: ControlService,
  node: string,
  page: { title: string; step: number; totalSteps: number },
): Promise<string | 'back' | undefined> {
  const pick = vscode.window.createQuickPick<Item>();
  Object.assign(pick, page);
  pick.ignoreFocusOut = true;
  pick.buttons = [vscode.QuickInputButtons.Back];
  let asked = 0;
  let connecting = false;
  /** The folder on show; found again from the one above. */
  let here: string | undefined;

  const open = async (folder: string): Promise<void> => {
    const question = ++asked;
    pick.busy = true;
    pick.value = '';
    pick.items = [];
    pick.placeholder = `${node}: reading ${printable(folder)}…`;
    connecting = mayAsk(service, node);
    // A question of the connection needs the place that this page takes.
    if (connecting) pick.hide();
    else pick.show();
    const reading = read(service, node, folder);
    const shown = await (connecting ? withNotification(`Connecting to ${node}`, reading) : reading);
    // Another folder was asked for meanwhile, or none any more.
    if (question !== asked) return;
    connecting = false;
    pick.busy = false;
    pick.placeholder = `${node}: ${printable(shown.path)}`;
    const items = shown.rows.map(itemOf);
    pick.items = items;
    const left = items.find(({ row }) => row.icon === 'folder' && row.path === here);
    if (left) pick.activeItems = [left];
    here = shown.path;
    pick.show();
  };

  return new Promise((resolve) => {
    let answer: string | undefined;
    pick.onDidTriggerButton(() => {
      answer = 'back';
      pick.hide();
    });
    pick.onDidAccept(() => {
      const row = pick.selectedItems[0]?.row;
      if (row?.does === 'open') void open(row.path);
      if (row?.does !== 'take') return;
      answer = row.path;
      pick.hide();
    });
    pick.onDidHide(() => {
      if (connecting) return;
      asked++;
      pick.dispose();
      resolve(answer);
    });
    void open('~');
  });
}

/** Whether reading a folder may first ask the person for a host key or a secret. */
function mayAsk(service: ControlService, node: string): boolean {
  return service.nodes.some(
    ({ config, connection }) => config.name === node && config.kind !== 'local' && connection !== 'connected',
  );
}

function read(service: ControlService, node: string, folder: string): Promise<Shown> {
  return service.call('listFolder', { node, path: folder }).then(
    (list) => ({ path: list.path, rows: folderRows(list) }),
    (error: unknown) => ({ path: folder, rows: failedRows(folder, errorText(toBiphaseError(error))) }),
  );
}

function withNotification<T>(title: string, work: Promise<T>): Thenable<T> {
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () => work);
}

function itemOf(row: FolderRow): Item {
  const { label, description, detail, icon, does } = row;
  return {
    row,
    label,
    ...(description === undefined ? {} : { description }),
    ...(detail === undefined ? {} : { detail }),
    iconPath: new vscode.ThemeIcon(icon),
    // What is left out is said whatever is typed.
    alwaysShow: does === 'nothing',
  };
}
