import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { MoveStep } from '../../src/control/runs/runMoves.ts';
import type { RunSummary } from '../../src/protocol/controlApi.ts';
import type { Order, Told } from './steppedControlProcess.ts';

/** A control of its own process that dies at a step of a move. */
export class SteppedControl {
  readonly ended: Promise<unknown>;
  readonly runs = new Map<string, RunSummary>();
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (failed: string | undefined) => void>();
  #count = 0;
  #changed: (() => void)[] = [];

  constructor(stateFolder: string, step: MoveStep | 'never') {
    const script = path.join(import.meta.dirname, 'steppedControlProcess.ts');
    this.#child = fork(script, [stateFolder, step], { env: { ...process.env, BIPHASE_CLOCK: '0.2' } });
    this.ended = once(this.#child, 'exit');
    this.#child.on('message', (told: Told) => {
      if ('run' in told) this.runs.set(told.run.run, told.run);
      else {
        this.#waiting.get(told.done)?.(told.failed);
        this.#waiting.delete(told.done);
      }
      for (const wake of this.#changed.splice(0)) wake();
    });
  }

  async do(order: Order): Promise<void> {
    const id = this.#count++;
    const failed = new Promise<string | undefined>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send({ id, order });
    const said = await failed;
    if (said !== undefined) throw new Error(said);
  }

  /** Waits until a run is as it is to be. */
  async until(run: string, is: (summary: RunSummary) => boolean, patienceMs = 300_000): Promise<void> {
    const late = AbortSignal.timeout(patienceMs);
    for (;;) {
      const known = this.runs.get(run);
      if (known && is(known)) return;
      if (late.aborted) throw new Error(`Waited in vain for ${run}: ${JSON.stringify(known)}`);
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.ended;
  }
}
