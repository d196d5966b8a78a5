import path from 'node:path';
import * as vscode from 'vscode';
import type { ControlConnection } from '../../control/client/controlConnection.ts';
import { toBiphaseError } from '../../core/errors.ts';
import type { WithBytes } from '../../core/rpcPeer.ts';
import type { EventOf, ParamsOf, ResultOf } from '../../protocol/contract.ts';
import type { ControlEvents, ControlMethods, NodeSummary, RunSummary } from '../../protocol/controlApi.ts';
import { Disposable } from '../disposable.ts';
import { settingIds } from '../ids.ts';
import type { PointsEvent } from '../panels/pointsOutbox.ts';
import { plainMessage } from '../plainLabel.ts';
import { ControlMirror, type RunsChange } from './controlMirror.ts';

/**
 * The window's one way to control: connects at the first need, comes back by itself, and holds the newest nodes and
 * runs for trees, picks and panels.
 */
export class ControlService extends Disposable {
  readonly #nodesChanged = this.register(new vscode.EventEmitter<readonly NodeSummary[]>());
  readonly #runsChanged = this.register(new vscode.EventEmitter<RunsChange>());
  readonly #points = this.register(new vscode.EventEmitter<PointsEvent>());
  readonly #prompted = this.register(new vscode.EventEmitter<EventOf<ControlEvents, 'prompt'>>());
  readonly #promptDone = this.register(new vscode.EventEmitter<EventOf<ControlEvents, 'promptDone'>>());
  readonly #transferred = this.register(new vscode.EventEmitter<EventOf<ControlEvents, 'transfer'>>());
  readonly #snapshot = this.register(new vscode.EventEmitter<void>());
  readonly onNodes = this.#nodesChanged.event;
  readonly onRuns = this.#runsChanged.event;
  readonly onPoints = this.#points.event;
  /** How far a copy is that this window asked for. */
  readonly onTransfer = this.#transferred.event;
  readonly onPrompt = this.#prompted.event;
  readonly onPromptDone = this.#promptDone.event;
  /** Control is another process than before: whatever was held is stale. */
  readonly onReconnected = this.#snapshot.event;

  readonly #mirror = new ControlMirror();
  readonly #extension: vscode.ExtensionContext;
  readonly #log: vscode.LogOutputChannel;
  #opening: Promise<ControlConnection> | undefined;
  #loading: Promise<void> | undefined;

  constructor(extension: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    super();
    this.#extension = extension;
    this.#log = log;
    this.register(
      vscode.window.onDidChangeWindowState((state) => {
        if (this.#opening) void this.#tellFocus(state.focused);
      }),
    );
    this.register(
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        if (this.#opening) void this.#tellTrust();
      }),
    );
  }

  get nodes(): readonly NodeSummary[] {
    return this.#mirror.nodes;
  }
  get runs(): ReadonlyMap<string, RunSummary> {
    return this.#mirror.runs;
  }

  /** Connects and loads nodes and runs, once. Throws `unreachable` where control does not come up. */
  async ready(): Promise<void> {
    await this.#connection();
    await this.#loading;
  }

  /** Asks for all nodes and runs again. */
  async reload(): Promise<void> {
    const connection = await this.#connection();
    await this.#load(connection);
  }

  async call<K extends keyof ControlMethods & string>(
    method: K,
    params: ParamsOf<ControlMethods, K>,
  ): Promise<ResultOf<ControlMethods, K>> {
    return (await this.#connection()).call(method, params);
  }

  async callWithBytes<K extends keyof ControlMethods & string>(
    method: K,
    params: ParamsOf<ControlMethods, K>,
  ): Promise<WithBytes<ResultOf<ControlMethods, K>>> {
    return (await this.#connection()).callWithBytes(method, params);
  }

  /** Sets the series whose points this window wants. */
  async subscribe(series: ParamsOf<ControlMethods, 'subscribe'>['series']): Promise<void> {
    await (await this.#connection()).subscribe(series);
  }

  /** The person acts in this window, so questions belong here. */
  async takeFocus(): Promise<void> {
    await this.#tellFocus(true);
  }

  #connection(): Promise<ControlConnection> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<ControlConnection> {
    const [{ ControlConnection }, { stateFolder }] = await Promise.all([
      import('../../control/client/controlConnection.ts'),
      import('../../control/client/stateFolder.ts'),
    ]);
    const configured = vscode.workspace.getConfiguration().get<string>(settingIds.stateFolder, '');
    const connection = this.register(
      new ControlConnection({
        stateFolder: configured === '' ? stateFolder() : configured,
        controlFile: path.join(this.#extension.extensionPath, 'dist', 'control.mjs'),
        execPath: process.execPath,
        client: 'window',
        trusted: () => vscode.workspace.isTrusted,
        version: String(this.#extension.extension.packageJSON.version),
      }),
    );
    connection.on('nodes', ({ nodes }) => {
      if (this.#mirror.applyNodes(nodes)) this.#nodesChanged.fire(this.#mirror.nodes);
    });
    connection.on('runs', (change) => {
      if (this.#mirror.applyRuns(change)) this.#runsChanged.fire(change);
    });
    connection.on('points', (data, binary) => this.#points.fire({ data, binary }));
    connection.on('transfer', (progress) => this.#transferred.fire(progress));
    connection.on('prompt', (prompt) => this.#prompted.fire(prompt));
    connection.on('promptDone', (done) => this.#promptDone.fire(done));
    connection.onState((state) => {
      if (state.state === 'failed') this.#log.error(`control: ${state.error.message}`);
      else this.#log.info(`control: ${state.state}`);
      if (state.state !== 'connected') return;
      this.#loading = this.#load(connection).catch((error) =>
        this.#log.error(`control: ${toBiphaseError(error).message}`),
      );
      if (state.again) this.#snapshot.fire();
    });
    try {
      await connection.connect();
    } catch (error) {
      connection.dispose();
      throw error;
    }
    if (vscode.workspace.isTrusted && vscode.window.state.focused)
      void connection.focus(true).catch(() => {});
    return connection;
  }

  async #load(connection: ControlConnection): Promise<void> {
    this.#mirror.expectSnapshot();
    try {
      const [{ nodes }, { runs }] = await Promise.all([
        connection.call('nodes', {}),
        connection.call('runs', {}),
      ]);
      this.#tell(this.#mirror.applySnapshot(nodes, runs));
      await this.#tellNotices(connection);
    } catch (error) {
      this.#tell(this.#mirror.abandonSnapshot());
      throw error;
    }
  }

  /** Once: whoever asks first takes them. */
  async #tellNotices(connection: ControlConnection): Promise<void> {
    const { notices } = await connection.call('notices', { take: true });
    for (const notice of notices) {
      this.#log.warn(notice);
      void vscode.window.showWarningMessage(plainMessage(notice));
    }
  }

  #tell(change: RunsChange): void {
    this.#nodesChanged.fire(this.#mirror.nodes);
    this.#runsChanged.fire(change);
  }

  async #tellTrust(): Promise<void> {
    try {
      await (await this.#connection()).trust();
    } catch (error) {
      this.#log.warn(`trust: ${toBiphaseError(error).message}`);
    }
    await this.#tellFocus(vscode.window.state.focused);
  }

  /** A window that is not trusted is asked nothing. */
  async #tellFocus(focused: boolean): Promise<void> {
    if (!vscode.workspace.isTrusted) return;
    try {
      await (await this.#connection()).focus(focused);
    } catch (error) {
      this.#log.warn(`focus: ${toBiphaseError(error).message}`);
    }
  }
}
