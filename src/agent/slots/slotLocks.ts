import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { exitSchema, runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';
import { hasCode, readJson } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import {
  type LockHolder,
  lockFile,
  lockHolder,
  type NumberedLock,
  newestNumber,
  takeLock,
} from '../numberedLock.ts';
import { livesHere, ownIdentity, type ProcessTable } from '../processTable.ts';

/**
 * A slot is held so many times over the years that old lock files are removed. Who starts from a listing that is older
 * than so many claims could take a slot twice; each claim lasts seconds at least.
 */
const keptFiles = 100;

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
    const holder = lockHolder(this.#lock(slot));
    return holder && (claimSchema.safeParse(holder).data?.run ?? 'another run');
  }

  /** Takes a slot for a segment of a run, for as long as this process or the trainer that it starts lives. */
  take(slot: string, claim: { run: string; segment: number }): boolean {
    const lock = this.#lock(slot);
    const { host, bootId } = this.#table;
    const number = takeLock(lock, { ...claim, ...ownIdentity(this.#table), host, bootId });
    if (number === null) return false;
    // Who slept for longer than files are kept has taken a number that others had before.
    if (newestNumber(lock) !== number) {
      fs.rmSync(lockFile(lock, number), { force: true });
      return false;
    }
    for (const old of this.#numbers(slot))
      if (old < number - keptFiles) fs.rmSync(lockFile(lock, old), { force: true });
    return true;
  }

  #lock(slot: string): NumberedLock {
    return {
      folder: this.#root.slots,
      name: encodeURIComponent(slot),
      first: () => Math.max(0, ...this.#numbers(slot)),
      stillHolds: (holder) => this.#stillHolds(holder),
    };
  }

  #numbers(slot: string): number[] {
    const start = `${encodeURIComponent(slot)}.`;
    return namesIn(this.#root.slots).flatMap((name) => {
      const number = name.startsWith(start) ? /^(\d+)\.json$/.exec(name.slice(start.length)) : null;
      return number ? [Number(number[1])] : [];
    });
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

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return [];
    throw thrown;
  }
}
