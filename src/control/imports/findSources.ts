import fs from 'node:fs/promises';
import path from 'node:path';
import { toBiphaseError } from '../../core/errors.ts';
import { parseMetricLine } from '../../core/metricParser.ts';
import { runFiles, specSchema } from '../../protocol/runDirectory.ts';

/** Something that holds curves. `place`: its real path, by which it is known again. */
export interface Source {
  kind: 'events' | 'table' | 'lines';
  place: string;
  /** In the order in which they are read. */
  files: string[];
  bytes: number;
  name: string;
  /** A person named this very file. */
  named: boolean;
}

export interface Found {
  sources: Source[];
  notes: string[];
}

const mostFolders = 100_000;
const eventFile = /tfevents/;
const tableFile = /\.(csv|tsv)$/i;
const linesFile = /\.jsonl$/i;

/**
 * What can be imported of files and folders. In a folder each folder with event files is a run, named by its path from
 * there. Links are followed, and each real folder is looked into once.
 */
export async function findSources(paths: readonly string[], signal: AbortSignal): Promise<Found> {
  const found: Found = { sources: [], notes: [] };
  const seen = new Set<string>();
  for (const one of paths) {
    try {
      const place = await fs.realpath(one);
      const stat = await fs.stat(place);
      const top = path.basename(path.resolve(one)) || place;
      if (stat.isDirectory()) await walk(place, top, { seen, signal, found });
      else if (stat.isFile()) await addFile(place, { name: top, named: true, found });
      else found.notes.push(`${one} is neither a file nor a folder.`);
    } catch (thrown) {
      signal.throwIfAborted();
      found.notes.push(toBiphaseError(thrown).message);
    }
  }
  const byPlace = new Map<string, Source>();
  for (const one of found.sources)
    byPlace.set(one.place, { ...one, named: one.named || byPlace.get(one.place)?.named === true });
  found.sources = [...byPlace.values()];
  if (found.sources.length === 0 && found.notes.length === 0)
    found.notes.push('Nothing to import was found: no event files, no tables and no metrics.jsonl.');
  return found;
}

async function walk(
  top: string,
  topName: string,
  { seen, signal, found }: { seen: Set<string>; signal: AbortSignal; found: Found },
): Promise<void> {
  const folders = [{ folder: top, name: topName }];
  for (let next = folders.shift(); next; next = folders.shift()) {
    signal.throwIfAborted();
    const { folder, name } = next;
    const real = await fs.realpath(folder).catch(() => undefined);
    if (real === undefined || seen.has(real)) continue;
    if (seen.size >= mostFolders) {
      found.notes.push(`${topName} has more than ${mostFolders} folders; the rest was left out.`);
      return;
    }
    seen.add(real);
    const entries = await fs.readdir(real, { withFileTypes: true }).catch((thrown: unknown) => {
      found.notes.push(toBiphaseError(thrown).message);
      return [];
    });
    const events: string[] = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.')) continue;
      const place = path.join(real, entry.name);
      const stat = entry.isSymbolicLink() ? await fs.stat(place).catch(() => undefined) : entry;
      const inner = folder === top ? entry.name : `${name}/${entry.name}`;
      if (stat?.isDirectory()) folders.push({ folder: place, name: inner });
      else if (stat?.isFile() && eventFile.test(entry.name)) events.push(place);
      else if (stat?.isFile())
        await noted(inner, found, () => addFile(place, { name: inner, named: false, found }));
    }
    if (events.length > 0)
      await noted(name, found, async () => {
        found.sources.push(await source('events', real, events, { name, named: false }));
      });
  }
}

/** What cannot be read is told, and costs none of the others. */
async function noted(name: string, { notes }: Found, add: () => Promise<void>): Promise<void> {
  try {
    await add();
  } catch (thrown) {
    notes.push(`${name}: ${toBiphaseError(thrown).message}`);
  }
}

async function addFile(
  place: string,
  { name, named, found }: { name: string; named: boolean; found: Found },
): Promise<void> {
  const file = path.basename(place);
  if (eventFile.test(file)) {
    const folder = path.dirname(place);
    // One file of a run stands for the run.
    const all = (await fs.readdir(folder)).filter((one) => eventFile.test(one)).sort();
    const files = all.map((one) => path.join(folder, one));
    found.sources.push(await source('events', folder, files, { name: path.basename(folder), named }));
  } else if (tableFile.test(file))
    found.sources.push(await source('table', place, [place], { name: withoutEnding(name), named }));
  else if (linesFile.test(file)) {
    if (await holdsMetrics(place)) {
      const own = file === runFiles.metrics ? await nameOfRun(path.dirname(place)) : undefined;
      const folder = file === runFiles.metrics ? path.dirname(named ? place : name) : withoutEnding(name);
      const shown =
        own ?? (folder === '.' ? path.basename(path.dirname(place)) : named ? path.basename(folder) : folder);
      found.sources.push(await source('lines', place, [place], { name: shown, named }));
    } else if (named)
      found.notes.push(`${file} does not begin with a line of metrics as Biphase writes them.`);
  } else if (named) found.notes.push(`${file} is no event file, no table (.csv, .tsv) and no metrics.jsonl.`);
}

async function source(
  kind: Source['kind'],
  place: string,
  files: string[],
  { name, named }: { name: string; named: boolean },
): Promise<Source> {
  const sizes = await Promise.all(files.map(async (file) => (await fs.stat(file)).size));
  return { kind, place, files, bytes: sizes.reduce((sum, size) => sum + size, 0), name, named };
}

function withoutEnding(name: string): string {
  return name.replace(/\.[^./]+$/, '');
}

/** Whether its first line is one of metrics.jsonl. */
async function holdsMetrics(place: string): Promise<boolean> {
  const handle = await fs.open(place);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1 << 20), 0, 1 << 20, 0);
    const [first = ''] = buffer.toString('utf8', 0, bytesRead).split('\n', 1);
    return parseMetricLine(first) !== undefined;
  } finally {
    await handle.close();
  }
}

/** As its spec.json says. */
async function nameOfRun(folder: string): Promise<string | undefined> {
  try {
    const text = await fs.readFile(path.join(folder, runFiles.spec), 'utf8');
    return specSchema.safeParse(JSON.parse(text)).data?.name;
  } catch {
    return undefined;
  }
}
