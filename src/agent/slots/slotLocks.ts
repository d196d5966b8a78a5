import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { exitSchema, runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';
import { readJson } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { LockHolder } from '../numberedLock.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';
import { RollingLock } from '../rollingLock.ts';

const claimSchema = z.looseObject({ run: z.string(), segment: z.number().int() });

/** Which run of this root holds which slot of this machine: lock files under `<root>/slots`, named by slot. */
export class SlotLocks {
  readonly #root: NodeRoot;
  readonly #table: ProcessTable;

  constructor(root: NodeRoot, table: ProcessTable) {
    this.#root = root;
    this.#table = table;
  }

  /** Run that holds a slot, "another run" while it is just being taken; null where it is free. */
  holder(slot: string): string | null {
    const holder = this.#lock(slot).holder();
    return holder && (claimSchema.safeParse(holder).data?.run ?? 'another run');
  }

  /** Takes a slot for a segment of a run, for as long as this process or the trainer that it starts lives. */
  take(slot: string, claim: { run: string; segment: number }): boolean {
    const { host, bootId } = this.#table;
    return this.#lock(slot).take({ ...claim, ...ownIdentity(this.#table), host, bootId }) !== null;
  }

  #lock(slot: string): RollingLock {
    return new RollingLock(this.#root.slots, slot, (holder) => this.#stillHolds(holder));
  }

  /** A wrapper that has died may have left its trainer at work: state.json names it. */
  #stillHolds(holder: LockHolder): boolean {
    const table = this.#table;
    // A GPU is in one running system at a time, and other slots are named by their host.
    if (holder.bootId !== table.bootId) return false;
    const claim = claimSchema.safeParse(holder).data;
    const directory = claim && path.join(this.#root.runs, path.basename(claim.run));
    const exit = directory && readJson(path.join(directory, runFiles.exit), exitSchema);
    if (exit && exit.segment >= claim.segment) return false;
    // Another container of this machine cannot be asked for its processes: it keeps what it holds until its run is gone.
    if (holder.host !== table.host) return directory !== undefined && fs.existsSync(directory);
    if (livesHere(table, holder, holder)) return true;
    const state = directory && readJson(path.join(directory, runFiles.state), wrapperStateSchema);
    return (
      !!state &&
      state.segment === claim.segment &&
      state.wrapper.pid === holder.pid &&
      state.wrapper.startTime === holder.startTime &&
      livesHere(table, state, state.trainer)
    );
  }
}
