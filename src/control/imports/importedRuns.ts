import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import * as z from 'zod';
import { toBiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { newRunId } from '../../core/newRunId.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import { importedNode } from '../../protocol/outsideRuns.ts';
import { isRunId, progressSchema, runFiles, type Spec, specSchema } from '../../protocol/runDirectory.ts';
import type { RunCatalog } from '../runs/runCatalog.ts';
import type { CacheStore, Committed } from '../store/cacheStore.ts';
import type { MetricsWriter } from './metricsWriter.ts';

const importFile = 'import.json';
const partPrefix = '.part-';
const oldPrefix = '.old-';
const chunkBytes = 1 << 20;

/** Beside a run's spec.json, progress.json and metrics.jsonl: where it came from, and which import of it this is. */
const importSchema = z.looseObject({ schema: z.number(), source: z.string(), identity: z.string() });

export interface ImportedRunsParts {
  folder: string;
  catalog: RunCatalog;
  store: CacheStore;
  committed: (run: string, committed: Committed) => void;
  log: (line: string) => void;
}

/**
 * `imported/` in the state folder: one folder a run, in the form of a run directory. It is the only copy, so that `cache.db` may
 * be deleted as ever. A run gets its place, and is replaced, by renames.
 */
export class ImportedRuns {
  readonly #parts: ImportedRunsParts;
  /** Run of each source. */
  readonly #runs = new Map<string, string>();
  readonly #identities = new Map<string, string>();

  constructor(parts: ImportedRunsParts) {
    this.#parts = parts;
  }

  /** Shows what is there, and brings into the store what it lacks. */
  load(): void {
    const { folder, catalog, log } = this.#parts;
    const names = fs.existsSync(folder) ? this.#mended(fs.readdirSync(folder)) : [];
    for (const name of names) {
      if (!isRunId(name)) continue;
      try {
        this.#show(name);
      } catch (thrown) {
        log(`imported run ${name}: ${toBiphaseError(thrown).message}`);
      }
    }
    for (const { report } of catalog.all())
      if (report.spec?.kind === 'imported' && !this.#identities.has(report.run)) catalog.remove(report.run);
    void this.feedAll();
  }

  /** From now on nothing is brought into the store. */
  close(): void {
    this.#identities.clear();
  }

  has(run: string): boolean {
    return this.#identities.has(run);
  }

  /** An empty folder in which one import writes; the caller removes it. */
  makePart(): string {
    makeFolder(this.#parts.folder);
    return fs.mkdtempSync(path.join(this.#parts.folder, partPrefix));
  }

  /** Gives what was written its place, and shows it. `source`: by which it is known again. */
  async take(
    writer: MetricsWriter,
    name: string,
    source: string,
  ): Promise<{ run: string; updated: boolean }> {
    const { folder } = this.#parts;
    const before = this.#runs.get(source);
    const run = before ?? newRunId();
    const spec: Spec = {
      schema: 1,
      id: run,
      name,
      kind: 'imported',
      createdAt: writer.firstTime ?? Date.now() / 1000,
      bundle: '',
      file: {},
    };
    const about = { schema: 1, source, identity: randomUUID() };
    for (const [file, content] of [
      [runFiles.spec, spec],
      [runFiles.progress, writer.progress()],
      [importFile, about],
    ] as const)
      fs.writeFileSync(path.join(writer.folder, file), `${JSON.stringify(content)}\n`, { mode: 0o600 });
    const place = path.join(folder, run);
    const old = path.join(folder, `${oldPrefix}${run}`);
    fs.rmSync(old, { recursive: true, force: true });
    if (before !== undefined && fs.existsSync(place)) fs.renameSync(place, old);
    fs.renameSync(writer.folder, place);
    fs.rmSync(old, { recursive: true, force: true });
    this.#show(run);
    await this.#feed(run);
    return { run, updated: before !== undefined };
  }

  /** Deletes the copy; what it was made from stays. */
  remove(run: string): void {
    this.#identities.delete(run);
    for (const [source, known] of this.#runs) if (known === run) this.#runs.delete(source);
    fs.rmSync(path.join(this.#parts.folder, run), { recursive: true, force: true });
    this.#parts.catalog.remove(run);
  }

  /** Ends what a control that died had begun. */
  #mended(names: string[]): string[] {
    const { folder } = this.#parts;
    for (const name of names) {
      const place = path.join(folder, name);
      if (name.startsWith(oldPrefix)) {
        const run = name.slice(oldPrefix.length);
        if (!names.includes(run)) fs.renameSync(place, path.join(folder, run));
        else fs.rmSync(place, { recursive: true, force: true });
      } else if (name.startsWith(partPrefix)) fs.rmSync(place, { recursive: true, force: true });
    }
    return fs.readdirSync(folder);
  }

  #show(run: string): void {
    const { folder, catalog } = this.#parts;
    const read = (file: string): unknown => JSON.parse(fs.readFileSync(path.join(folder, run, file), 'utf8'));
    const { source, identity } = importSchema.parse(read(importFile));
    const report: RunReport = {
      run,
      state: 'finished',
      spec: { ...specSchema.parse(read(runFiles.spec)), kind: 'imported' },
      wrapper: null,
      progress: progressSchema.parse(read(runFiles.progress)),
      exit: null,
      checkpoints: [],
      lastEvent: null,
    };
    this.#runs.set(source, run);
    this.#identities.set(run, identity);
    catalog.report(importedNode, importedNode, report);
  }

  /** Brings into the store what it lacks, one run after the other: there may be thousands. */
  async feedAll(): Promise<void> {
    for (const run of [...this.#identities.keys()]) await this.#feed(run);
  }

  /** Brings the metrics into the store from where it has them. */
  async #feed(run: string): Promise<void> {
    const { folder, store, committed, log } = this.#parts;
    const identity = this.#identities.get(run);
    const file = 'metrics.jsonl';
    try {
      const handle = await fs.promises.open(path.join(folder, run, file));
      try {
        const cursor = store.cursor(run, file);
        let offset = cursor.identity === identity ? cursor.offset : 0;
        for (;;) {
          const { buffer, bytesRead } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, offset);
          // It may have been deleted or replaced meanwhile.
          if (identity === undefined || this.#identities.get(run) !== identity) return;
          if (bytesRead === 0) return;
          const bytes = Uint8Array.from(buffer.subarray(0, bytesRead));
          const news = store.addBytes(run, { file, offset, identity, reset: false, bytes });
          if (!news) return;
          committed(run, news);
          offset += bytesRead;
          await turn();
        }
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      log(`imported run ${run}: ${toBiphaseError(thrown).message}`);
    }
  }
}
