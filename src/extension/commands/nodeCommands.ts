import * as vscode from 'vscode';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { parseHost } from '../hostText.ts';
import { commandIds } from '../ids.ts';
import { nodeSettingsUri } from '../nodes/nodeSettingsFiles.ts';
import { testText } from '../views/nodeText.ts';
import { pickNode } from './picks.ts';

interface NodeCommandParts {
  service: ControlService;
  log: vscode.LogOutputChannel;
}

/** A host of ~/.ssh/config or any other, then a name; the node is tested at once. */
export async function addNode({ service, log }: NodeCommandParts): Promise<void> {
  const { hosts } = await service.call('sshHosts', {});
  const taken = new Set(service.nodes.map((node) => node.config.name));
  const host = await pickHost(hosts);
  if (host === undefined) return;
  const parsed = parseHost(host);
  const name = await vscode.window.showInputBox({
    title: 'Add Node (2/2): name',
    prompt: 'How the node is called in trees and picks.',
    value: parsed.host,
    ignoreFocusOut: true,
    validateInput: (text) =>
      text.trim() === ''
        ? 'A node needs a name.'
        : taken.has(text.trim())
          ? 'There is a node of this name.'
          : undefined,
  });
  if (name === undefined) return;
  const config: NodeConfig = { name: name.trim(), kind: 'ssh', ...parsed };
  await service.call('addNode', { config });
  await runTest({ service, log }, config.name);
}

function pickHost(hosts: readonly string[]): Promise<string | undefined> {
  const pick = vscode.window.createQuickPick();
  const known = hosts.map((label) => ({ label, description: 'from ~/.ssh/config' }));
  pick.title = 'Add Node (1/2): host';
  pick.placeholder = 'Choose a host, or type [user@]host[:port]';
  pick.items = known;
  pick.ignoreFocusOut = true;
  return new Promise((resolve) => {
    let answer: string | undefined;
    pick.onDidChangeValue((typed) => {
      const value = typed.trim();
      pick.items =
        value === '' || hosts.includes(value)
          ? known
          : [...known, { label: value, description: 'as typed', alwaysShow: true }];
    });
    pick.onDidAccept(() => {
      answer = pick.activeItems[0]?.label ?? (pick.value.trim() || undefined);
      pick.hide();
    });
    pick.onDidHide(() => {
      pick.dispose();
      resolve(answer);
    });
    pick.show();
  });
}

/** Opens a node's settings as JSON with completion; saving changes the node and connects again. */
export async function editNode(service: ControlService, clicked: unknown): Promise<void> {
  const node = await pickNode(service, clicked, { title: 'Edit the settings of which node?' });
  if (!node) return;
  const document = await vscode.workspace.openTextDocument(nodeSettingsUri(node.config.name));
  await vscode.window.showTextDocument(document);
}

export async function testNode(parts: NodeCommandParts, clicked: unknown): Promise<void> {
  const node = await pickNode(parts.service, clicked, { title: 'Test which node?' });
  if (node) await runTest(parts, node.config.name);
}

async function runTest({ service, log }: NodeCommandParts, name: string): Promise<void> {
  const { ok, findings } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `Testing ${name}` },
    () => service.call('testNode', { name }),
  );
  for (const finding of findings) log.info(`${name}: ${finding}`);
  const show = ok ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  const warnings = service.nodes.find(({ config }) => config.name === name)?.probe?.warnings ?? [];
  void show(testText(name, ok, findings, warnings), 'Show Log').then((chosen) => {
    if (chosen) return vscode.commands.executeCommand(commandIds.showLog);
  });
}

export async function reconnectNode({ service }: NodeCommandParts, clicked: unknown): Promise<void> {
  const node = await pickNode(service, clicked, { title: 'Reconnect which node?' });
  if (!node) return;
  const { name } = node.config;
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `Connecting to ${name}` },
    () => service.call('reconnectNode', { name }),
  );
}
