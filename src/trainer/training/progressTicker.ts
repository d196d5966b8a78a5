import { setImmediate } from 'node:timers/promises';
import type { Progress } from '../../protocol/runDirectory.ts';
import { metricNumber, type RunWriter } from './runWriter.ts';
import { type StopRequest, StopRequested } from './stopRequest.ts';

/** What progress.json shows; the loop changes it, the ticker writes it. */
export interface ProgressNow {
  step: number;
  totalSteps: number;
  phase: number;
  tokens: number;
  tokensPerSecond: number;
  loss: number | null;
  secondsLeft: number | null;
  doing: string;
}

const writeEveryMs = 2000;
const yieldEveryMs = 50;

/**
 * Called between passes of everything that takes long: writes progress.json every 2 s, lets signals in, and ends the
 * work by StopRequested where a stop was asked for.
 */
export class ProgressTicker {
  readonly now: ProgressNow;
  readonly #writer: RunWriter;
  readonly #stop: StopRequest;
  readonly #show: (progress: Progress) => void;
  #nextWrite = 0;
  #nextYield = 0;

  constructor(writer: RunWriter, stop: StopRequest, totalSteps: number, show: (progress: Progress) => void) {
    this.#writer = writer;
    this.#stop = stop;
    this.#show = show;
    this.now = {
      step: 0,
      totalSteps,
      phase: 0,
      tokens: 0,
      tokensPerSecond: 0,
      loss: null,
      secondsLeft: null,
      doing: 'starting',
    };
  }

  /** @throws StopRequested */
  async tick(): Promise<void> {
    const time = performance.now();
    if (time >= this.#nextYield) {
      await setImmediate();
      this.#nextYield = performance.now() + yieldEveryMs;
    }
    if (time >= this.#nextWrite) this.write();
    if (this.#stop.asked()) throw new StopRequested();
  }

  /** Begins something else and says so at once. */
  doing(what: string): void {
    this.now.doing = what;
    this.write();
  }

  write(): void {
    this.#nextWrite = performance.now() + writeEveryMs;
    const progress: Progress = {
      schema: 1,
      segment: this.#writer.segment,
      ...this.now,
      loss: this.now.loss === null ? null : metricNumber(this.now.loss),
      time: Date.now() / 1000,
    };
    this.#writer.progress(progress);
    this.#show(progress);
  }
}
