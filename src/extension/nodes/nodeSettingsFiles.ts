import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { nodeSettingsEnding, nodeSettingsScheme } from '../ids.ts';
import { requireTrust } from '../messages.ts';
import { nodeSettingsText, nodeWithSettings } from './nodeSettings.ts';

/** Where a node's settings are edited; what stands in the tab is its last part. */
export function nodeSettingsUri(name: string): vscode.Uri {
  return vscode.Uri.from({ scheme: nodeSettingsScheme, path: `/${name}${nodeSettingsEnding}` });
}

/** Each node's settings as a file: saving it changes the node. Completion comes from the schema in package.json. */
export class NodeSettingsFiles extends Disposable implements vscode.FileSystemProvider {
  readonly #service: ControlService;
  readonly #changed = this.register(new vscode.EventEmitter<vscode.FileChangeEvent[]>());
  readonly onDidChangeFile = this.#changed.event;
  /** When each was saved here last, by name: an open editor asks for it. */
  readonly #savedAt = new Map<string, number>();

  constructor(service: ControlService) {
    super();
    this.#service = service;
    this.register(
      vscode.workspace.registerFileSystemProvider(nodeSettingsScheme, this, { isCaseSensitive: true }),
    );
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const bytes = await this.readFile(uri);
    const mtime = this.#savedAt.get(nameIn(uri)) ?? 0;
    return { type: vscode.FileType.File, ctime: 0, mtime, size: bytes.length };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    await this.#service.ready();
    return new TextEncoder().encode(nodeSettingsText(this.#config(uri)));
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array): Promise<void> {
    requireTrust();
    try {
      const config = nodeWithSettings(this.#config(uri), new TextDecoder().decode(content));
      await this.#service.call('addNode', { config });
    } catch (thrown) {
      const { message, next } = toBiphaseError(thrown);
      throw new vscode.FileSystemError(next === undefined ? message : `${message} ${next}`);
    }
    this.#savedAt.set(nameIn(uri), Date.now());
    this.#changed.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }

  readDirectory(): [string, vscode.FileType][] {
    return this.#service.nodes.map(({ config }) => [
      `${config.name}${nodeSettingsEnding}`,
      vscode.FileType.File,
    ]);
  }

  createDirectory(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  #config(uri: vscode.Uri): NodeConfig {
    const name = nameIn(uri);
    const node = this.#service.nodes.find(({ config }) => config.name === name);
    if (!node) throw vscode.FileSystemError.FileNotFound(uri);
    return node.config;
  }
}

function nameIn(uri: vscode.Uri): string {
  return uri.path.slice(1, -nodeSettingsEnding.length);
}
