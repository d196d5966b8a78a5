import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ControlService } from '../../../src/extension/control/controlService.ts';

const vscode = `
  export class EventEmitter { event = () => ({ dispose() {} }); fire() {} dispose() {} }
  export const Uri = { joinPath: (uri, ...parts) => [uri, ...parts].join('/') };
  export const commands = { executeCommand: async () => undefined };`;
registerHooks({
  resolve: (name, context, next) =>
    name === 'vscode'
      ? { url: `data:text/javascript,${encodeURIComponent(vscode)}`, shortCircuit: true }
      : next(name, context),
});

/** A panel as VS Code has it: once it is closed, nearly everything about it throws. */
class FakePanel {
  posted: { type: string }[] = [];
  closed = false;
  title = 'Panel';
  iconPath: unknown;
  say: (message: unknown) => void = () => undefined;
  #disposed: () => void = () => undefined;

  get visible(): boolean {
    if (this.closed) throw new Error('Webview is disposed');
    return true;
  }

  get webview(): unknown {
    if (this.closed) throw new Error('Webview is disposed');
    return {
      asWebviewUri: String,
      onDidReceiveMessage: (listener: (message: unknown) => void) => {
        this.say = listener;
        return { dispose() {} };
      },
      postMessage: async (message: { type: string }) => this.posted.push(message),
    };
  }

  onDidChangeViewState(): unknown {
    return { dispose() {} };
  }

  onDidDispose(listener: () => void): unknown {
    this.#disposed = listener;
    return { dispose() {} };
  }

  dispose(): void {
    this.closed = true;
    this.#disposed();
  }
}

const none = { dispose() {} };
const series = {
  run: '20260101-abcdefgh',
  metric: 'loss',
  ...{ x: 'step', from: null, to: null, pixels: 100, smoothing: null },
};

for (const kind of ['curves', 'compare'] as const)
  test(`an answer that comes when its panel is closed is dropped: ${kind}`, async () => {
    const { CurvesPanel } = await import('../../../src/extension/panels/curvesPanel.ts');
    const { curvesStateOf } = await import('../../../src/extension/panels/curvesState.ts');
    const { ComparePanel } = await import('../../../src/extension/panels/comparePanel.ts');
    const { compareStateOf } = await import('../../../src/extension/panels/compareState.ts');
    let answer: (value: unknown) => void = () => undefined;
    const service = {
      ...{ runs: new Map(), nodes: [], ready: async () => undefined, call: async () => ({ runs: [] }) },
      callWithBytes: () => new Promise((resolve) => (answer = resolve)),
      ...{ onPoints: () => none, onRuns: () => none, onReconnected: () => none },
      subscriptions: { set: async () => undefined },
    } as unknown as ControlService;
    const fake = new FakePanel();
    const context = { extensionUri: 'extension', log: { error: assert.fail, warn: assert.fail } } as never;
    if (kind === 'curves') new CurvesPanel(fake as never, curvesStateOf(null), service, {} as never, context);
    else new ComparePanel(fake as never, compareStateOf(null), service, {} as never, context);
    const lost: unknown[] = [];
    const onLost = (reason: unknown): void => void lost.push(reason);
    process.on('unhandledRejection', onLost);
    fake.say({ type: 'ready' });
    fake.say({ type: 'series', request: 1, series });
    await turn();
    assert.ok(fake.posted.some(({ type }) => type === 'snapshot'));
    const before = fake.posted.length;
    fake.dispose();
    answer({ value: { ...series, version: 1, total: 0, points: 0, bucket: 1 }, binary: new Uint8Array(0) });
    await turn();
    await turn();
    process.off('unhandledRejection', onLost);
    assert.deepEqual(lost, []);
    assert.equal(fake.posted.length, before);
  });
