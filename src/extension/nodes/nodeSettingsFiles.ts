import { isDeepStrictEqual } from 'node:util';
import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import type { ControlService } from '../control/controlService.ts';
import { Disposable } from '../disposable.ts';
import { nodeSettingsEnding, nodeSettingsScheme } from '../ids.ts';
import { requireTrust } from '../messages.ts';
import { keptSettingsText, nodeSettingsText, nodeWithSettings } from './nodeSettings.ts';

/** Where a node's settings are edited; what stands in the tab is its last part. */
export function nodeSettingsUri(name: string): vscode.Uri {
  return vscode.Uri.from({ scheme: nodeSettingsScheme, path: `/${name}${nodeSettingsEnding}` });
}

/** A text as VS Code knows it: a later one has a greater `mtime` and another `size`. */
interface Version {
  text: string;
  mtime: number;
  size: number;
}

/**
 * Each node's settings as a file: saving it changes the node. Completion comes from the schema in package.json. A node that
 * was changed elsewhere is a file that changed on disk: VS Code shows it anew, or asks before it saves over it.
 */
export class NodeSettingsFiles extends Disposable implements vscode.FileSystemProvider {
  readonly #service: ControlService;
  readonly #changed = this.register(new vscode.EventEmitter<vscode.FileChangeEvent[]>());
  readonly onDidChangeFile = this.#changed.event;
  /** Newest first, by the node's name, of nodes that an editor has asked for. */
  readonly #versions = new Map<string, Version[]>();

  constructor(service: ControlService) {
    super();
    this.#service = service;
    this.register(
      vscode.workspace.registerFileSystemProvider(nodeSettingsScheme, this, { isCaseSensitive: true }),
    );
    this.register(
      service.onNodes((nodes) => {
        for (const { config } of nodes) if (this.#versions.has(config.name)) this.#version(config);
      }),
    );
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { mtime, size } = this.#version(await this.#config(uri));
    return { type: vscode.FileType.File, ctime: 0, mtime, size };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return new TextEncoder().encode(this.#version(await this.#config(uri)).text);
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array): Promise<void> {
    try {
      requireTrust();
      const before = await this.#config(uri);
      const config = nodeWithSettings(before, new TextDecoder().decode(content));
      await this.#service.call('addNode', { config });
      this.#version(config);
      this.#tellWaiting(before, config);
    } catch (thrown) {
      if (thrown instanceof vscode.FileSystemError) throw thrown;
      const { message, next } = toBiphaseError(thrown);
      throw new vscode.FileSystemError(next === undefined ? message : `${message} ${next}`);
    }
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

  /** As control has it now: a node may also be changed in another window, on the command line or in nodes.json. */
  async #config(uri: vscode.Uri): Promise<NodeConfig> {
    const { nodes } = await this.#service.call('nodes', {});
    const name = nameIn(uri);
    const node = nodes.find(({ config }) => config.name === name);
    if (!node) throw vscode.FileSystemError.FileNotFound(uri);
    return node.config;
  }

  /** What was given to a queue stays as it was given. */
  #tellWaiting(before: NodeConfig, after: NodeConfig): void {
    if (isDeepStrictEqual(before, after)) return;
    const { name } = after;
    const waiting = [...this.#service.runs.values()].filter(
      ({ node, state }) => node === name && state === 'queued',
    ).length;
    if (waiting > 0) void vscode.window.showInformationMessage(keptSettingsText(name, waiting));
  }

  /** The version that this configuration is; another one than before is told. */
  #version(config: NodeConfig): Version {
    const text = nodeSettingsText(config);
    const versions = this.#versions.get(config.name) ?? [];
    this.#versions.set(config.name, versions);
    const [newest] = versions;
    if (newest?.text === text) return newest;
    const mtime = Math.max(Date.now(), (newest?.mtime ?? 0) + 1);
    // VS Code takes a text of the same size for the same text, whenever it was written.
    let size = new TextEncoder().encode(text).length;
    while (versions.some((other) => other.size === size)) size++;
    const version = { text, mtime, size };
    versions.unshift(version);
    if (newest) {
      const uri = nodeSettingsUri(config.name);
      this.#changed.fire([{ type: vscode.FileChangeType.Changed, uri }]);
    }
    return version;
  }
}

function nameIn(uri: vscode.Uri): string {
  return uri.path.slice(1, -nodeSettingsEnding.length);
}
