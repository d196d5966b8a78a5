import { isDeepStrictEqual } from 'node:util';
import { toBiphaseError } from '../../core/errors.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import type { CacheStore } from '../store/cacheStore.ts';
import { ActiveRuns } from './activeRuns.ts';

export interface CatalogRun {
  report: RunReport;
  /** The node that speaks for the run. Two nodes with one shared root both show it; one speaks. */
  node: string;
  rootId: string;
  /** Unix seconds of the newest news. */
  seenAt: number;
  onNode: boolean;
  /** Connected nodes that show the run. */
  shownBy: Set<string>;
}

const saveAfterMs = 50;
/** A few milliseconds' work: clients wait meanwhile. */
const savedAtOnce = 100;

const now = (): number => Date.now() / 1000;

/** It waits in the queue of a node that it is leaving. */
function isLeaving({ queue }: RunReport): boolean {
  return queue?.movingTo !== undefined && queue.movingTo !== null;
}

/** A spec never changes: the one that is known stays, with what was found out of it. */
function withKnownSpec(report: RunReport, known: RunReport['spec'] | undefined): RunReport {
  return known && isDeepStrictEqual(report.spec, known) ? { ...report, spec: known } : report;
}

/** Every run that a node has shown, as it was last seen: kept in the store, corrected by the nodes. */
export class RunCatalog {
  readonly #runs = new Map<string, CatalogRun>();
  readonly #active = new ActiveRuns();
  readonly #store: CacheStore;
  readonly #changed: (run: string) => void;
  readonly #log: (line: string) => void;
  readonly #unsaved = new Set<string>();
  #saving: NodeJS.Timeout | undefined;

  constructor(store: CacheStore, changed: (run: string) => void, log: (line: string) => void) {
    this.#store = store;
    this.#changed = changed;
    this.#log = log;
    for (const stored of store.reports()) this.#put({ ...stored, shownBy: new Set<string>() });
  }

  get(run: string): CatalogRun | undefined {
    return this.#runs.get(run);
  }

  all(): CatalogRun[] {
    return [...this.#runs.values()];
  }

  /** Runs of a node that are at work, wait there, or may still be at work. */
  activeOn(node: string): CatalogRun[] {
    return this.#active.on(node);
  }

  /** Runs that wait in a node's queue, while nothing changes. */
  waitingOn(node: string): Iterable<CatalogRun> {
    return this.#active.waitingOn(node);
  }

  /** How many runs of each node are at work and how many wait, by the node's name. */
  countActive(): Map<string, { busy: number; waiting: number }> {
    return this.#active.count();
  }

  /** A node shows a run. True when this node speaks for it. */
  report(node: string, rootId: string, report: RunReport): boolean {
    const known = this.#runs.get(report.run);
    const shownBy = known?.shownBy ?? new Set<string>();
    shownBy.add(node);
    // A node that a waiting run leaves gives the word to the one where it has arrived.
    const stays = known !== undefined && shownBy.has(known.node) && !isLeaving(known.report);
    const speaker = stays ? known.node : node;
    if (speaker !== node) return false;
    const run: CatalogRun = {
      report: withKnownSpec(report, known?.report.spec),
      node,
      rootId,
      seenAt: now(),
      onNode: true,
      shownBy,
    };
    this.#put(run);
    this.#save(run);
    this.#changed(report.run);
    return true;
  }

  /** All runs under a node's root: what the store has beyond them is gone from the node. */
  only(rootId: string, shown: ReadonlySet<string>): void {
    for (const [id, run] of this.#runs) if (run.rootId === rootId && !shown.has(id)) this.#vanish(run);
  }

  /** A node shows a run no more. */
  gone(run: string, node: string): void {
    const known = this.#runs.get(run);
    if (!known) return;
    known.shownBy.delete(node);
    if (known.node !== node) return;
    const [other] = known.shownBy;
    if (other === undefined) this.#vanish(known);
    else this.#saidBy(known, other);
  }

  #vanish(known: CatalogRun): void {
    if (!known.onNode) return;
    this.#active.remove(known);
    known.onNode = false;
    known.seenAt = now();
    this.#save(known);
    this.#changed(known.report.run);
  }

  #saidBy(known: CatalogRun, node: string): void {
    this.#speaks(known, node);
    this.#save(known);
    this.#changed(known.report.run);
  }

  #speaks(known: CatalogRun, node: string): void {
    this.#active.remove(known);
    known.node = node;
    this.#active.add(known);
  }

  #put(run: CatalogRun): void {
    const before = this.#runs.get(run.report.run);
    if (before) this.#active.remove(before);
    this.#runs.set(run.report.run, run);
    this.#active.add(run);
  }

  /** A node is no longer connected; answers the runs that another node now speaks for. */
  disconnected(node: string): CatalogRun[] {
    const moved: CatalogRun[] = [];
    for (const [id, run] of this.#runs) {
      if (!run.shownBy.delete(node) || run.node !== node) continue;
      run.seenAt = now();
      const [other] = run.shownBy;
      if (other !== undefined) {
        this.#speaks(run, other);
        moved.push(run);
      }
      this.#save(run);
      this.#changed(id);
    }
    return moved;
  }

  remove(run: string): void {
    const known = this.#runs.get(run);
    if (known) this.#active.remove(known);
    this.#unsaved.delete(run);
    this.#store.deleteRun(run);
    this.#runs.delete(run);
  }

  /** The store is empty: all of it is saved again. */
  saveAll(): void {
    for (const run of this.#runs.values()) this.#save(run);
  }

  /** Saves what is still to be saved. */
  close(): void {
    clearTimeout(this.#saving);
    while (this.#unsaved.size > 0) this.#saveSome();
  }

  /** Soon: reports come in bursts, and what is not saved yet is told by the nodes again. */
  #save(run: CatalogRun): void {
    this.#unsaved.add(run.report.run);
    this.#saving ??= setTimeout(() => {
      this.#saving = undefined;
      this.#saveSome();
      const [next] = this.#unsaved;
      const known = next === undefined ? undefined : this.#runs.get(next);
      if (known) this.#save(known);
    }, saveAfterMs).unref();
  }

  /** A store in trouble must not hide what the node shows; the next report is saved again. */
  #saveSome(): void {
    const ids = [...this.#unsaved].slice(0, savedAtOnce);
    for (const id of ids) this.#unsaved.delete(id);
    try {
      this.#store.saveReports(ids.flatMap((id) => this.#runs.get(id) ?? []));
    } catch (thrown) {
      this.#log(`store: ${toBiphaseError(thrown).message}`);
    }
  }
}
