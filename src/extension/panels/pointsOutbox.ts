import type { PointsDelta } from '../../protocol/controlApi.ts';

/** One delta as control sent it. */
export interface PointsEvent {
  data: PointsDelta;
  binary: Uint8Array | undefined;
}

/**
 * Deltas on their way to a page: those of one turn go together, and while a message is on its way what comes waits for
 * the next one. So a busy window gets fewer, larger messages instead of a growing queue of them.
 */
export class PointsOutbox {
  /** Resolves when the message was taken; never rejects. */
  readonly #send: (deltas: PointsDelta[], binary: Uint8Array) => PromiseLike<unknown>;
  #waiting: PointsEvent[] = [];
  /** The message under way, or the turn that gathers one; another one after `clear`. */
  #underway: object | undefined;

  constructor(send: (deltas: PointsDelta[], binary: Uint8Array) => PromiseLike<unknown>) {
    this.#send = send;
  }

  add(event: PointsEvent): void {
    this.#waiting.push(event);
    if (this.#underway) return;
    const mine = {};
    this.#underway = mine;
    setImmediate(() => void this.#drain(mine));
  }

  /** The page is another one, or hidden: what waits is not for it, and what is under way may never arrive. */
  clear(): void {
    this.#waiting = [];
    this.#underway = undefined;
  }

  async #drain(mine: object): Promise<void> {
    while (this.#underway === mine && this.#waiting.length > 0) {
      const events = this.#waiting;
      this.#waiting = [];
      await this.#send(
        events.map(({ data }) => data),
        Buffer.concat(events.map(({ binary }) => binary ?? new Uint8Array(0))),
      );
    }
    if (this.#underway === mine) this.#underway = undefined;
  }
}
