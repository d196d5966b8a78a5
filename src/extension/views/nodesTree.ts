import * as vscode from 'vscode';
import { gpuLabel } from '../../core/gpuOccupancy.ts';
import type { Gpu } from '../../protocol/agentApi.ts';
import type { NodeSummary } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { contextKeys, itemContexts, viewIds } from '../ids.ts';
import { gpuDescription, gpuIcon, gpuSpoken, gpuTooltip } from './gpuText.ts';
import { nodeDescription, nodeIcons, nodeTooltip } from './nodeText.ts';
import { themeIcon, tooltip } from './treeBase.ts';

const gpusEveryMs = 10_000;

type Element = { kind: 'node'; node: string } | { kind: 'gpu'; node: string; uuid: string };

/** The nodes, and under each that is connected its GPUs as the newest probe saw them. */
export class NodesTree extends Disposable implements vscode.TreeDataProvider<Element> {
  readonly #service: ControlService;
  readonly #changed = this.register(new vscode.EventEmitter<void>());
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(service: ControlService) {
    super();
    this.#service = service;
    this.register(
      service.onNodes((nodes) => {
        this.#changed.fire();
        if (nodes.some(({ config, probe }) => config.kind !== 'local' && probe !== null))
          void vscode.commands.executeCommand('setContext', contextKeys.hasOtherNode, true);
      }),
    );
    const view = this.register(
      vscode.window.createTreeView(viewIds.nodes, { treeDataProvider: this, showCollapseAll: false }),
    );
    const timer = setInterval(() => this.#lookAgain(view.visible), gpusEveryMs);
    this.register({ dispose: () => clearInterval(timer) });
  }

  async getChildren(parent?: Element): Promise<Element[]> {
    if (parent?.kind === 'gpu') return [];
    if (parent) return this.#gpus(parent.node).map(({ uuid }) => ({ kind: 'gpu', node: parent.node, uuid }));
    await this.#service.ready();
    return this.#service.nodes.map(({ config }) => ({ kind: 'node', node: config.name }));
  }

  getTreeItem(element: Element): vscode.TreeItem {
    return element.kind === 'node' ? this.#nodeItem(element.node) : this.#gpuItem(element);
  }

  #nodeItem(name: string): vscode.TreeItem {
    const item = new vscode.TreeItem(name);
    item.id = `node:${name}`;
    const node = this.#node(name);
    if (!node) return item;
    if (this.#gpus(name).length > 0) {
      // An item that had no children stays closed under its old id when it gets some.
      item.id = `node:${name}:gpus`;
      item.collapsibleState = vscode.TreeItemCollapsibleState.Expanded;
    }
    item.description = nodeDescription(node);
    item.iconPath = themeIcon(nodeIcons[node.connection]);
    item.tooltip = tooltip(nodeTooltip(node));
    const context = node.config.kind === 'local' ? itemContexts.localNode : itemContexts.sshNode;
    item.contextValue = node.hold === null ? context : `${context}${itemContexts.held}`;
    item.accessibilityInformation = { label: `${name}, ${node.connection}, ${item.description}` };
    return item;
  }

  #gpuItem({ node, uuid }: { node: string; uuid: string }): vscode.TreeItem {
    const gpu = this.#gpus(node).find((candidate) => candidate.uuid === uuid);
    const item = new vscode.TreeItem(gpu ? gpuLabel(gpu) : uuid);
    item.id = `gpu:${node}:${uuid}`;
    if (!gpu) return item;
    const nameOfRun = (run: string): string | undefined => this.#service.runs.get(run)?.name;
    item.description = gpuDescription(gpu, nameOfRun);
    item.iconPath = themeIcon(gpuIcon(gpu));
    item.tooltip = tooltip(gpuTooltip(gpu, nameOfRun));
    item.accessibilityInformation = { label: gpuSpoken(gpu, nameOfRun) };
    return item;
  }

  /** GPUs change hands without a word: they are asked for again while somebody can see them, and only then. */
  #lookAgain(visible: boolean): void {
    if (!visible || !vscode.window.state.focused) return;
    if (!this.#service.nodes.some(({ config }) => this.#gpus(config.name).length > 0)) return;
    // Where control is gone the service connects again by itself, and its log says so.
    this.#service.call('nodes', {}).catch(() => {});
  }

  #node(name: string): NodeSummary | undefined {
    return this.#service.nodes.find((node) => node.config.name === name);
  }

  #gpus(name: string): readonly Gpu[] {
    const node = this.#node(name);
    return node?.connection === 'connected' ? (node.probe?.gpus ?? []) : [];
  }
}
