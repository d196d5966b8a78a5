import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import type { ControlService } from '../../../src/extension/control/controlService.ts';

const vscode = `
  export const made = [];
  const none = () => ({ dispose() {} });
  export class EventEmitter { event = none; fire() {} dispose() {} }
  export const Uri = { joinPath: (uri, ...parts) => [uri, ...parts].join('/') };
  export const ViewColumn = { Beside: -2, Nine: 9 };
  export const commands = { executeCommand: async () => undefined };
  const panel = () => ({
    webview: { asWebviewUri: String, onDidReceiveMessage: none, postMessage: async () => true },
    ...{ title: 'Panel', visible: true, active: false, viewColumn: 1 },
    ...{ onDidChangeViewState: none, onDidDispose: none, reveal() {} },
  });
  export const window = {
    registerWebviewPanelSerializer: none,
    createWebviewPanel: () => { const one = panel(); made.push(one); return one; },
  };`;
const address = `data:text/javascript,${encodeURIComponent(vscode)}`;
registerHooks({
  resolve: (name, context, next) =>
    name === 'vscode' ? { url: address, shortCircuit: true } : next(name, context),
});
const { made } = (await import(address)) as { made: unknown[] };

const none = { dispose() {} };
const service = {
  ...{ runs: new Map(), nodes: [], ready: async () => undefined },
  ...{ onPoints: () => none, onRuns: () => none, onReconnected: () => none },
  subscriptions: { set: async () => undefined },
} as unknown as ControlService;
const context = { extensionUri: 'extension', log: { error: assert.fail, warn: assert.fail } } as never;

test('two comparisons that are asked for at once open one panel, with the runs of the last', async () => {
  const { ComparePanels } = await import('../../../src/extension/panels/comparePanels.ts');
  const panels = new ComparePanels(service, {} as never, context);
  made.length = 0;
  await Promise.all([panels.show(['a', 'b']), panels.show(['c', 'd'])]);
  assert.equal(made.length, 1);
  assert.deepEqual(panels.runs, ['c', 'd']);
});

test('curves that are asked for while their panel opens are shown in it', async () => {
  const { CurvesPanels } = await import('../../../src/extension/panels/curvesPanels.ts');
  const panels = new CurvesPanels(service, {} as never, context);
  made.length = 0;
  await Promise.all([panels.show(['a']), panels.show(['b'])]);
  assert.equal(made.length, 1);
  await panels.showInNewPanel(['c']);
  assert.equal(made.length, 2);
});
