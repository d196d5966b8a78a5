import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { itemContexts, viewIds } from '../ids.ts';
import { nodeDescription, nodeIcons, nodeTooltip } from './nodeText.ts';
import { themeIcon, tooltip } from './treeBase.ts';

type Element = { kind: 'node'; node: string };

export class NodesTree extends Disposable implements vscode.TreeDataProvider<Element> {
  readonly #service: ControlService;
  readonly #changed = this.register(new vscode.EventEmitter<void>());
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(service: ControlService) {
    super();
    this.#service = service;
    this.register(service.onNodes(() => this.#changed.fire()));
    this.register(
      vscode.window.createTreeView(viewIds.nodes, { treeDataProvider: this, showCollapseAll: false }),
    );
  }

  async getChildren(parent?: Element): Promise<Element[]> {
    if (parent) return [];
    await this.#service.ready();
    return this.#service.nodes.map(({ config }) => ({ kind: 'node', node: config.name }));
  }

  getTreeItem({ node: name }: Element): vscode.TreeItem {
    const item = new vscode.TreeItem(name);
    item.id = `node:${name}`;
    const node = this.#service.nodes.find((n) => n.config.name === name);
    if (!node) return item;
    item.description = nodeDescription(node);
    item.iconPath = themeIcon(nodeIcons[node.connection]);
    item.tooltip = tooltip(nodeTooltip(node));
    item.contextValue = node.config.kind === 'local' ? itemContexts.localNode : itemContexts.sshNode;
    item.accessibilityInformation = { label: `${name}, ${node.connection}, ${item.description}` };
    return item;
  }
}
