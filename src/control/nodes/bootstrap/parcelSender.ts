import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import { checkHere, type Load, type Parcel } from './parcel.ts';
import { Receiver } from './receiver.ts';
import { runScript } from './remoteScript.ts';
import type { Stage } from './stage.ts';

/** A load, and its hidden folder on the node. */
interface Shipment {
  load: Load;
  stage: string;
}

/**
 * Brings loads to a node, one after another. The command that takes a load is started ahead of its bytes, the first one
 * with the sender; while a load is checked and opened, the next one travels.
 */
export class ParcelSender {
  readonly #transport: Transport;
  readonly #shipments: readonly Shipment[];
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  #ahead: Promise<Receiver | undefined>;

  constructor(transport: Transport, shipments: readonly Shipment[], signal: AbortSignal) {
    this.#transport = transport;
    this.#shipments = shipments;
    this.#signal = AbortSignal.any([signal, this.#failed.signal]);
    this.#ahead = this.#openAhead(0);
  }

  /**
   * Continues half parcels, and has the node compare the SHA-256 of what lies there in the end with that of what was to be
   * sent. One that arrived damaged is sent anew once.
   * @throws BiphaseError `full`, `missing` (a tool, or a Node that does not start), `refused` where nothing can be written,
   * `damaged`
   */
  async send(
    parcels: readonly Parcel[],
    stages: readonly Stage[],
    onBytes: (sent: number) => void,
  ): Promise<void> {
    const arrivals: Promise<void>[] = [];
    let before = 0;
    try {
      for (const [i, parcel] of parcels.entries()) {
        const receiver = (await this.#ahead) ?? (await this.#openAfter(arrivals, i));
        this.#ahead = this.#openAhead(i + 1);
        const { part, there } = parcel.packed ? stages[i]!.packed : stages[i]!.plain;
        const start = before;
        const told = (sent: number): void => onBytes(start + sent);
        await receiver.send(parcel, there, told);
        arrivals.push(this.#arrival(receiver, i, parcel, part, told).catch((error) => this.#fail(error)));
        before += parcel.size;
      }
    } catch (error) {
      this.#fail(error);
    }
    await Promise.all(arrivals);
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
  }

  /** Ends the command that waits for bytes, where none will come. */
  close(): void {
    this.#fail(undefined);
  }

  /** The first failure ends the other commands and is the one that is thrown. */
  #fail(error: unknown): void {
    this.#failed.abort(error);
  }

  async #arrival(
    receiver: Receiver,
    i: number,
    parcel: Parcel,
    part: string,
    onBytes: (sent: number) => void,
  ): Promise<void> {
    if (await receiver.ended()) return;
    await checkHere(parcel);
    await runScript(this.#transport, 'rm -f "$1"', [part], this.#signal);
    const second = await this.#open(i);
    await second.send(parcel, 0, onBytes);
    if (await second.ended()) return;
    const { folder } = parcel.load;
    throw new BiphaseError('damaged', `${folder} arrived damaged on ${this.#transport.description}.`, {
      next: 'Reconnect the node; check its disk if it happens again.',
    });
  }

  #open(i: number): Promise<Receiver> {
    const { load, stage } = this.#shipments[i]!;
    return Receiver.open(this.#transport, load, stage, this.#signal);
  }

  /** Undefined where it cannot be opened yet: a host may allow few sessions at once. */
  #openAhead(i: number): Promise<Receiver | undefined> {
    if (i >= this.#shipments.length) return Promise.resolve(undefined);
    return this.#open(i).catch(() => undefined);
  }

  async #openAfter(arrivals: readonly Promise<void>[], i: number): Promise<Receiver> {
    await Promise.all(arrivals);
    return this.#open(i);
  }
}
