import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { after, test } from 'node:test';
import type { ComparedRun } from '../../../src/protocol/comparison.ts';
import { fakeRun } from '../../browser/pages/fakeRuns.ts';

/** What the panel uses of the editor. */
const vscodeStub = `
export class EventEmitter {
  #listeners = new Set();
  event = (listener) => {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  };
  fire(value) { for (const listener of [...this.#listeners]) listener(value); }
  dispose() { this.#listeners.clear(); }
}
export const Uri = { joinPath: (...parts) => parts.join('/') };
export const commands = { executeCommand: async () => undefined };
`;
const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'vscode'
      ? {
          url: `data:text/javascript,${encodeURIComponent(vscodeStub)}`,
          format: 'module',
          shortCircuit: true,
        }
      : next(specifier, context),
});
after(() => hooks.deregister());

class Signal<T> {
  readonly listeners = new Set<(value: T) => void>();
  readonly event = (listener: (value: T) => void) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };
  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }
}

/** A panel as the editor has it: once it is closed, asking it anything throws. */
class FakePanel {
  readonly posted: { type: string }[] = [];
  readonly messages = new Signal<unknown>();
  readonly viewState = new Signal<unknown>();
  readonly #ended = new Signal<void>();
  #open = true;
  title = 'Compare';
  iconPath: unknown;
  readonly onDidDispose = this.#ended.event;
  readonly onDidChangeViewState = this.viewState.event;
  readonly #webview = {
    ...{ options: {}, html: '', cspSource: 'test' },
    asWebviewUri: (uri: unknown) => uri,
    onDidReceiveMessage: this.messages.event,
    postMessage: async (message: { type: string }) => {
      this.#assertOpen();
      this.posted.push(message);
      return true;
    },
  };

  #assertOpen(): void {
    if (!this.#open) throw new Error('Webview is disposed');
  }
  get webview() {
    this.#assertOpen();
    return this.#webview;
  }
  get visible(): boolean {
    this.#assertOpen();
    return true;
  }
  dispose(): void {
    this.#open = false;
    this.#ended.fire();
  }
}

const runs = [fakeRun(1, 'a'), fakeRun(2, 'b')];
const ids = runs.map(({ run }) => run);

/** A panel with a page that is ready; what it asks of control is answered when the test says so. */
async function opened() {
  const { ComparePanel } = await import('../../../src/extension/panels/comparePanel.ts');
  const { compareStateOf } = await import('../../../src/extension/panels/compareState.ts');
  const panel = new FakePanel();
  const logged: string[] = [];
  const asked: { method: string; answer: PromiseWithResolvers<unknown> }[] = [];
  const ask = (method: string) => {
    const answer = Promise.withResolvers<unknown>();
    asked.push({ method, answer });
    return answer.promise;
  };
  const points = new Signal<unknown>();
  const changes = new Signal<unknown>();
  const connected = Promise.withResolvers<void>();
  const picked = Promise.withResolvers<string[] | undefined>();
  const service = {
    runs: new Map(runs.map((run) => [run.run, run])),
    nodes: [],
    onPoints: points.event,
    onRuns: changes.event,
    onReconnected: new Signal<void>().event,
    ready: () => connected.promise,
    call: ask,
    callWithBytes: ask,
    subscriptions: { set: async () => undefined },
  };
  const log = { warn: (text: string) => logged.push(text), error: (text: string) => logged.push(text) };
  const compare = new ComparePanel(
    panel as never,
    { ...compareStateOf(undefined), runs: ids },
    service as never,
    { pickRuns: () => picked.promise, showCurves: () => undefined, copy: async () => undefined },
    { extensionUri: 'ext' as never, log: log as never },
  );
  const say = (message: object) => panel.messages.fire(message);
  say({ type: 'ready' });
  return { compare, panel, asked, logged, say, points, changes, connected, picked };
}

const turn = () => new Promise((done) => setImmediate(done));
const fact: ComparedRun = {
  ...{ run: ids[0]!, spec: null, problem: null, metrics: [], elapsed: null, tokensPerSecond: null },
  threads: null,
};
const series = {
  run: ids[0]!,
  metric: 'loss',
  x: 'step',
  from: null,
  to: null,
  pixels: 400,
  smoothing: null,
};
const header = {
  ...{ run: ids[0]!, metric: 'loss', x: 'step', version: 1, total: 0, points: 0, bucket: 1 },
  smoothing: null,
};

/** What nobody caught would end the test as failed: the runner listens for it. */
test('a panel that is closed while answers are under way says nothing more and nothing throws', async () => {
  const { panel, asked, logged, say, points, changes, connected, picked } = await opened();
  connected.resolve();
  await turn();
  assert.deepEqual(
    panel.posted.map(({ type }) => type),
    ['snapshot', 'runs'],
  );
  say({ type: 'show', series: [{ run: ids[0]!, metric: 'loss' }] });
  say({ type: 'series', request: 1, series });
  say({ type: 'series', request: 2, series });
  say({ type: 'pickRuns' });
  const delta = { data: { ...header, follows: 1, reset: false, ends: {} }, binary: undefined };
  points.fire(delta);
  const before = panel.posted.length;
  const [facts, first, second] = asked;
  assert.deepEqual(
    asked.map(({ method }) => method),
    ['compare', 'series', 'series'],
  );
  panel.dispose();
  first!.answer.resolve({ value: header, binary: new Uint8Array(0) });
  second!.answer.reject(new Error('control is gone'));
  facts!.answer.resolve({ runs: [fact] });
  picked.resolve([ids[1]!]);
  changes.fire({ runs, removed: [] });
  points.fire(delta);
  for (let i = 0; i < 3; i++) await turn();
  assert.equal(panel.posted.length, before, 'nothing is sent to a closed page');
  assert.equal(asked.length, 3, 'and nothing more is asked of control');
  assert.deepEqual(logged, []);
});

test('a panel that is closed before control is there asks it nothing', async () => {
  const { panel, asked, connected } = await opened();
  panel.dispose();
  connected.resolve();
  for (let i = 0; i < 3; i++) await turn();
  assert.deepEqual(asked, []);
  assert.deepEqual(panel.posted, []);
});

test('an open panel hands answers on', async () => {
  const { compare, panel, asked, say, connected } = await opened();
  connected.resolve();
  await turn();
  say({ type: 'series', request: 7, series });
  asked[0]!.answer.resolve({ runs: [fact] });
  asked[1]!.answer.resolve({ value: header, binary: new Uint8Array(0) });
  for (let i = 0; i < 3; i++) await turn();
  assert.deepEqual(panel.posted.map(({ type }) => type).sort(), [
    ...['facts', 'factsFailed', 'runs', 'series', 'snapshot'],
  ]);
  compare.close();
});
