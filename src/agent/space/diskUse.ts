import fs from 'node:fs';
import path from 'node:path';
import type { RunReport } from '../../protocol/agentApi.ts';
import { bundleNameSchema, type DiskUse, type RunUse } from '../../protocol/diskSpace.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import { isBundleInUse, neededBundles } from '../bundleCleaning.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import type { JobWatch } from '../slurm/jobWatch.ts';
import { allReports } from './allReports.ts';
import { isCacheEntry } from './cacheEntry.ts';
import { keptAt, neededOrigins, type OriginNeed, originName } from './checkpointNeeds.ts';
import { DiskMeter } from './diskMeter.ts';

interface DiskUseOptions {
  table: ProcessTable;
  /** Hash of the bundle that this agent runs from. */
  ownBundle: string;
  /** Who asks Slurm: without it a run that may have a job is queued. */
  jobs?: JobWatch;
  signal?: AbortSignal;
}

/** What lies under a root and how much of it. Reads every folder; the agent answers other calls meanwhile. */
export function measureRoot(root: NodeRoot, options: DiskUseOptions): Promise<DiskUse> {
  return new RootMeasure(root, options).measure();
}

class RootMeasure {
  readonly #root: NodeRoot;
  readonly #options: DiskUseOptions;
  readonly #meter: DiskMeter;
  #reports: RunReport[] = [];
  #otherBytes = 0;

  constructor(root: NodeRoot, options: DiskUseOptions) {
    this.#root = root;
    this.#options = options;
    this.#meter = new DiskMeter(options.signal);
  }

  async measure(): Promise<DiskUse> {
    const { path: root } = this.#root;
    this.#reports = await allReports(this.#root, this.#options.table, this.#options);
    const runs = await this.#runs();
    const cache = await this.#cache();
    const bundles = await this.#bundles();
    const nodeBuilds = await this.#nodeBuilds();
    await this.#addOwn(root);
    for (const name of await this.#meter.names(root))
      if (!measured.includes(name)) await this.#addOther(path.join(root, name));
    const listed = [...runs, ...cache, ...bundles, ...nodeBuilds];
    return {
      root,
      bytes: listed.reduce((sum, { bytes }) => sum + bytes, this.#otherBytes),
      ...freeOn(root),
      runs,
      cache,
      bundles,
      nodeBuilds,
      otherBytes: this.#otherBytes,
      unreadable: this.#meter.unreadable,
    };
  }

  async #runs(): Promise<RunUse[]> {
    const origins = neededOrigins(this.#reports);
    const reports = new Map(this.#reports.map((report) => [report.run, report]));
    const runs: RunUse[] = [];
    for (const [name, place] of await this.#inside(this.#root.runs)) {
      const report = reports.get(name);
      if (report) runs.push(await this.#run(place, report, origins));
      else await this.#addOther(place);
    }
    return runs;
  }

  async #run(directory: string, report: RunReport, origins: Map<string, OriginNeed>): Promise<RunUse> {
    const { run, state, spec } = report;
    const last = report.checkpoints.at(-1);
    const at = keptAt(spec);
    const keptBecause = (step: number): RunUse['checkpoints'][number]['kept'] => {
      if (step === last) return 'last';
      if (at.includes(step)) return 'at';
      return origins.has(originName(run, step)) ? 'origin' : null;
    };
    const folder = path.join(directory, runFiles.checkpoints);
    const checkpoints: RunUse['checkpoints'] = [];
    let checkpointBytes = await this.#meter.own(folder);
    for (const name of await this.#meter.names(folder)) {
      const place = path.join(folder, name);
      const bytes = await this.#meter.bytes(place);
      checkpointBytes += bytes;
      const step = Number(/^step-(\d{6,15})$/.exec(name)?.[1] ?? Number.NaN);
      // Another spelling of the same number is nothing of ours.
      if (runFiles.checkpoint(step) === `${runFiles.checkpoints}/${name}` && isPlainFolder(place))
        checkpoints.push({ step, bytes, kept: keptBecause(step) });
    }
    let bytes = checkpointBytes + (await this.#meter.own(directory));
    for (const name of await this.#meter.names(directory))
      if (name !== runFiles.checkpoints) bytes += await this.#meter.bytes(path.join(directory, name));
    checkpoints.sort((a, b) => a.step - b.step);
    return { run, name: spec?.name ?? run, state, bytes, checkpointBytes, checkpoints };
  }

  async #cache(): Promise<DiskUse['cache']> {
    const entries: DiskUse['cache'] = [];
    for (const [section, folder] of await this.#inside(this.#root.cache))
      for (const [name, place] of await this.#inside(folder)) {
        const entry = `${section}/${name}`;
        const stat = fs.lstatSync(place, { throwIfNoEntry: false });
        if (stat && !stat.isSymbolicLink() && isCacheEntry(entry))
          entries.push({ entry, bytes: await this.#meter.bytes(place), changedAt: stat.mtimeMs / 1000 });
        else await this.#addOther(place);
      }
    return entries;
  }

  async #bundles(): Promise<DiskUse['bundles']> {
    const needed = neededBundles(this.#reports, this.#options.ownBundle);
    const bundles: DiskUse['bundles'] = [];
    for (const [hash, place] of await this.#inside(this.#root.bundles))
      if (bundleNameSchema.safeParse(hash).success && isPlainFolder(place))
        bundles.push({
          hash,
          bytes: await this.#meter.bytes(place),
          needed: needed.has(hash) || isBundleInUse(this.#root, hash),
        });
      else await this.#addOther(place);
    return bundles;
  }

  async #nodeBuilds(): Promise<DiskUse['nodeBuilds']> {
    const builds: DiskUse['nodeBuilds'] = [];
    for (const [name, place] of await this.#inside(this.#root.nodeBuilds))
      builds.push({ name, bytes: await this.#meter.bytes(place) });
    return builds;
  }

  /** What is in a folder, which itself is counted with the rest. */
  async #inside(folder: string): Promise<[name: string, place: string][]> {
    await this.#addOwn(folder);
    return (await this.#meter.names(folder)).map((name) => [name, path.join(folder, name)]);
  }

  async #addOwn(place: string): Promise<void> {
    this.#otherBytes += await this.#meter.own(place);
  }

  async #addOther(place: string): Promise<void> {
    this.#otherBytes += await this.#meter.bytes(place);
  }
}

const measured: readonly string[] = ['runs', 'cache', 'bundles', 'node'];

function freeOn(folder: string): Pick<DiskUse, 'freeBytes' | 'freeFiles'> {
  const disk = fs.statfsSync(folder);
  // Some file systems count no files at all and say 0 of 0.
  return { freeBytes: disk.bavail * disk.bsize, freeFiles: disk.files > 0 ? disk.ffree : null };
}
