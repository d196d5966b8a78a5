import { scaledMs } from '../../core/clock.ts';
import { toBiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import { Turns } from '../../core/turns.ts';
import {
  type AgentEvents,
  type FollowedFile,
  followedFiles,
  type RunReport,
} from '../../protocol/agentApi.ts';
import type { EventOf } from '../../protocol/contract.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import type { CacheStore, Committed } from '../store/cacheStore.ts';

const storeRetryMs = 5000;
/** Bytes: a few milliseconds' work. */
const savedAtOnce = 256 << 10;

/** Bytes of a file that follow each other. */
interface Arrived {
  /** Of the first of them. */
  data: EventOf<AgentEvents, 'bytes'>;
  chunks: Uint8Array[];
  /** Offset behind the last of them. */
  end: number;
}

function continues({ data, end }: Arrived, next: EventOf<AgentEvents, 'bytes'>): boolean {
  const fits = end - data.offset < savedAtOnce;
  return fits && !next.reset && next.identity === data.identity && next.offset === end;
}

/** Brings the followed files of one node's runs into the store, over one link. Live runs stay followed. */
export class RunFollower {
  readonly #link: AgentLink;
  readonly #store: CacheStore;
  readonly #committed: (run: string, file: FollowedFile, committed: Committed) => void;
  readonly #log: (line: string) => void;
  /** Runs that are followed; `ended`: until everything is here. */
  readonly #following = new Map<string, { ended: boolean }>();
  /** What has come and is not saved, by run and file. */
  readonly #arrived = new Map<string, Arrived>();
  readonly #turns = new Turns();
  #queue: Promise<void> = Promise.resolve();

  constructor(
    link: AgentLink,
    store: CacheStore,
    committed: (run: string, file: FollowedFile, committed: Committed) => void,
    log: (line: string) => void,
  ) {
    this.#link = link;
    this.#store = store;
    this.#committed = committed;
    this.#log = log;
  }

  /** The newest report of a run that this node speaks for. */
  update({ run, state }: RunReport): void {
    const ended = !isActive(state);
    const known = this.#following.get(run);
    if (!known) {
      this.#following.set(run, { ended });
      if (ended) this.#later(run, () => this.#catchUp(run));
      else this.#later(run, () => this.#followAll(run));
    } else if (known.ended !== ended) {
      known.ended = ended;
      if (ended) this.#later(run, () => this.#finishIfWhole(run));
      else this.#later(run, () => this.#followAll(run));
    }
  }

  forget(run: string): void {
    this.#following.delete(run);
  }

  /** The store is empty: everything is asked for again. */
  again(): void {
    this.#arrived.clear();
    for (const [run, { ended }] of this.#following)
      this.#later(run, () => (ended ? this.#catchUp(run) : this.#followAll(run)));
  }

  /** Lines of one run that come close together are saved together: a busy node costs fewer commits, not a longer wait. */
  bytes(data: EventOf<AgentEvents, 'bytes'>, binary: Uint8Array | undefined): void {
    const key = `${data.run} ${data.file}`;
    const bytes = binary ?? new Uint8Array(0);
    const before = this.#arrived.get(key);
    if (before && continues(before, data)) {
      before.chunks.push(bytes);
      before.end += bytes.length;
      return;
    }
    if (before) this.#save(key);
    this.#arrived.set(key, { data, chunks: [bytes], end: data.offset + bytes.length });
    void this.#turns.do(() => this.#save(key));
  }

  /** Saves what has come. */
  flush(): void {
    for (const key of [...this.#arrived.keys()]) this.#save(key);
  }

  #save(key: string): void {
    const arrived = this.#arrived.get(key);
    if (!arrived) return;
    this.#arrived.delete(key);
    const { data, chunks } = arrived;
    const { run, file } = data;
    const known = this.#following.get(run);
    if (!known) return;
    try {
      const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const committed = this.#store.addBytes(run, { ...data, bytes });
      if (!committed) {
        this.#later(run, () => this.#follow(run, file));
        return;
      }
      this.#committed(run, file, committed);
      if (known.ended) this.#later(run, () => this.#finishIfWhole(run));
    } catch (thrown) {
      // The store, not the node, is in trouble: ask again from the stored offset.
      this.#log(`${run}: ${toBiphaseError(thrown).message}`);
      setTimeout(() => this.#later(run, () => this.#follow(run, file)), scaledMs(storeRetryMs)).unref();
    }
  }

  /** One call after the other, so that a node with a thousand old runs is not flooded. */
  #later(run: string, work: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (!this.#link.open || !this.#following.has(run)) return;
      try {
        await work();
      } catch (thrown) {
        const error = toBiphaseError(thrown);
        if (error.kind !== 'unreachable' && error.kind !== 'missing') this.#log(`${run}: ${error.message}`);
      }
    });
  }

  async #followAll(run: string): Promise<void> {
    for (const file of followedFiles) await this.#follow(run, file);
  }

  async #follow(run: string, file: FollowedFile): Promise<void> {
    await this.#link.call('follow', { run, file, ...this.#store.cursor(run, file) });
  }

  /** A run that had ended before: followed only where bytes are missing. */
  async #catchUp(run: string): Promise<void> {
    for (const file of followedFiles) if (!(await this.#isWhole(run, file))) await this.#follow(run, file);
  }

  async #finishIfWhole(run: string): Promise<void> {
    if (!this.#following.get(run)?.ended) return;
    for (const file of followedFiles)
      if (await this.#isWhole(run, file)) await this.#link.call('unfollow', { run, file });
  }

  async #isWhole(run: string, file: FollowedFile): Promise<boolean> {
    try {
      const { size } = await this.#link.call('read', { run, file, offset: 0, length: 0 });
      return size === this.#store.cursor(run, file).offset;
    } catch (thrown) {
      if (toBiphaseError(thrown).kind === 'missing') return true;
      throw thrown;
    }
  }
}
