import type { ControlOptions } from '../../src/control/client/controlClient.ts';
import { ControlConnection } from '../../src/control/client/controlConnection.ts';
import { decodeSeries } from '../../src/core/seriesBytes.ts';
import type { NodeSummary, RunSummary } from '../../src/protocol/controlApi.ts';
import type { Point } from './faultNode.ts';

/** What a window knows of nodes, runs and points, from events; and a way to wait for news. */
export class ControlView {
  readonly window: ControlConnection;
  readonly runs = new Map<string, RunSummary>();
  readonly nodes = new Map<string, NodeSummary>();
  /** The newest point of each subscribed run that came. */
  readonly points = new Map<string, Point>();
  #waiting: (() => void)[] = [];

  constructor(options: ControlOptions) {
    this.window = new ControlConnection(options);
    this.window.on('runs', ({ runs, removed }) => {
      for (const run of runs) this.runs.set(run.run, run);
      for (const run of removed) this.runs.delete(run);
      this.#wake();
    });
    this.window.on('nodes', ({ nodes }) => {
      for (const node of nodes) this.nodes.set(node.config.name, node);
      this.#wake();
    });
    this.window.on('points', (data, binary) => {
      const { segment, step } = decodeSeries(Uint8Array.from(binary ?? []).buffer, data.points);
      const last = data.points - 1;
      if (last >= 0) this.points.set(data.run, { segment: segment[last]!, step: step[last]! });
      this.#wake();
    });
    this.window.onState(({ state }) => {
      if (state === 'connected') void this.#lookAnew();
    });
  }

  /** Waits for news until `condition` holds. */
  async until(what: string, condition: () => boolean, patienceMs = 90_000): Promise<void> {
    const late = AbortSignal.timeout(patienceMs);
    while (!condition()) {
      if (late.aborted) throw new Error(`Waited in vain: ${what}. ${this.describe()}`);
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  describe(): string {
    const nodes = [...this.nodes.values()].map(({ config, connection, message, next }) => ({
      name: config.name,
      connection,
      message,
      next,
    }));
    const runs = [...this.runs.values()].map(({ run, state, reason, connected }) => ({
      run,
      state,
      reason,
      connected,
      point: this.points.get(run),
    }));
    return JSON.stringify({ nodes, runs });
  }

  async #lookAnew(): Promise<void> {
    try {
      const [{ nodes }, { runs }] = await Promise.all([
        this.window.call('nodes', {}),
        this.window.call('runs', {}),
      ]);
      for (const node of nodes) this.nodes.set(node.config.name, node);
      for (const run of runs) this.runs.set(run.run, run);
      this.#wake();
    } catch {
      // Control went again; the next connection looks again.
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
