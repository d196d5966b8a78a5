import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { BiphaseError } from '../../core/errors.ts';
import { fileName, fileNameParts } from '../../core/fileName.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import type { TransferProgress } from '../../protocol/controlApi.ts';
import type {
  ExportFormat,
  ExportRequest,
  ExportResult,
  ExportTableRequest,
} from '../../protocol/outsideRuns.ts';
import type { CacheStore } from '../store/cacheStore.ts';
import type { RunColumns } from '../store/runColumns.ts';
import type { Tell, TransferDesk } from '../transfers/transferDesk.ts';
import { tableHead, tableLines } from './csvTable.ts';
import { csvPieces, eventPieces, isEventFileOf, linePieces, type Piece } from './exportFiles.ts';
import { ExportRows } from './exportRows.ts';

const gatheredBytes = 256 << 10;
/** Of one point, for saying how far it is. */
const valueBytes = 8;
const partMark = '.biphase-part-';

interface Target {
  run: string;
  /** A file, or the folder of the event files. */
  place: string;
}

/** Writes the curves of runs to files of this machine. */
export class ExportService {
  readonly #desk: TransferDesk;
  /** As it is shown; undefined where there is no such run. */
  readonly #nameOf: (run: string) => string | undefined;
  readonly #store: CacheStore;

  constructor(desk: TransferDesk, nameOf: (run: string) => string | undefined, store: CacheStore) {
    this.#desk = desk;
    this.#nameOf = nameOf;
    this.#store = store;
  }

  export(request: ExportRequest, listener: (progress: TransferProgress) => void): Promise<ExportResult> {
    return this.#desk.run(request.transfer, listener, ({ signal, tell }) =>
      this.#desk.alone(`export ${request.folder}`, signal, () => this.#export(request, signal, tell)),
    );
  }

  exportTable(
    request: ExportTableRequest,
    listener: (progress: TransferProgress) => void,
  ): Promise<ExportResult> {
    return this.#desk.run(request.transfer, listener, ({ signal, tell }) =>
      this.#desk.alone(`export ${request.file}`, signal, () => this.#exportTable(request, signal, tell)),
    );
  }

  async #export(
    { runs, format, folder, replace }: ExportRequest,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<ExportResult> {
    refuseRelative(folder);
    const targets = this.#targets([...new Set(runs)], format, folder);
    for (const target of targets) refuseWhatIsThere(target, format, replace);
    let points = 0;
    for (const [index, target] of targets.entries()) {
      const rows = new ExportRows(await this.#loaded(target.run, signal));
      const doing = `exporting run ${index + 1} of ${targets.length}`;
      await writeTarget(target, format, rows, signal, teller(tell, doing, rows.points));
      points += rows.points;
    }
    return { places: targets.map(({ place }) => place), points };
  }

  async #exportTable(
    { runs, metrics, file }: ExportTableRequest,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<ExportResult> {
    refuseRelative(file);
    const known = [...new Set(runs)].map((id) => ({ id, name: this.#knownName(id) }));
    const columns = [...new Set(metrics ?? known.flatMap(({ id }) => this.#store.overview(id).metrics))];
    const named = known.length > 1;
    let points = 0;
    await writeWhole(path.dirname(file), async (part, files) => {
      await writePieces([tableHead(columns, named)], part, files, signal, () => {});
      for (const [index, run] of known.entries()) {
        const rows = new ExportRows(await this.#loaded(run.id, signal), new Set(columns));
        const lines = tableLines(rows, columns, named ? run : undefined);
        const doing = `exporting run ${index + 1} of ${known.length}`;
        await writePieces(lines, part, files, signal, teller(tell, doing, rows.points));
        points += rows.points;
      }
      fs.renameSync(`${part}.0`, file);
    });
    return { places: [file], points };
  }

  /** A run's points, brought into memory in turns; it may be deleted meanwhile. */
  async #loaded(run: string, signal: AbortSignal): Promise<RunColumns> {
    for (const _ of this.#store.loading(run)) await turn();
    signal.throwIfAborted();
    this.#knownName(run);
    return this.#store.columns(run);
  }

  #knownName(run: string): string {
    const name = this.#nameOf(run);
    if (name === undefined) throw new BiphaseError('missing', `There is no run ${run}.`);
    return name;
  }

  #targets(runs: readonly string[], format: ExportFormat, folder: string): Target[] {
    const taken = new Set<string>();
    return runs.map((run) => {
      const name = this.#knownName(run);
      const parts = format === 'tensorboard' ? fileNameParts(name) : [fileName(name)];
      const ending = format === 'tensorboard' ? '' : `.${format}`;
      // Case says nothing on some systems.
      const usual = path.join(folder, ...parts) + ending;
      const place = taken.has(usual.toLowerCase()) ? `${path.join(folder, ...parts)} ${run}${ending}` : usual;
      taken.add(place.toLowerCase());
      return { run, place };
    });
  }
}

function refuseRelative(place: string): void {
  if (!path.isAbsolute(place)) throw new BiphaseError('usage', `${place} is not an absolute path.`);
}

/** Says after how many of all points the work is. */
function teller(tell: Tell, doing: string, points: number): (done: number) => void {
  return (done) => tell({ doing, done: valueBytes * done, total: valueBytes * points });
}

/** Only what an earlier export of the run wrote may be replaced. */
function refuseWhatIsThere({ run, place }: Target, format: ExportFormat, replace: boolean): void {
  if (!fs.existsSync(place)) return;
  const events =
    format === 'tensorboard' ? fs.readdirSync(place).filter((name) => name.includes('tfevents')) : [];
  // TensorBoard reads all event files of a folder as one run.
  if (events.some((name) => !isEventFileOf(run, name)))
    throw new BiphaseError('usage', `${place} holds event files of another run.`, {
      next: 'Choose another folder.',
    });
  if (replace || (format === 'tensorboard' && events.length === 0)) return;
  throw new BiphaseError('refused', `${place} is already there.`, {
    next: 'Choose another folder, or let it be replaced.',
  });
}

async function writeTarget(
  { run, place }: Target,
  format: ExportFormat,
  rows: ExportRows,
  signal: AbortSignal,
  say: (points: number) => void,
): Promise<void> {
  const folder = format === 'tensorboard' ? place : path.dirname(place);
  await writeWhole(folder, async (part, files) => {
    await writePieces(piecesOf(format, run, rows), part, files, signal, say);
    if (format === 'tensorboard') {
      for (const name of fs.readdirSync(folder))
        if (isEventFileOf(run, name)) fs.rmSync(path.join(folder, name), { force: true });
      for (const [index, name] of files.entries()) fs.renameSync(`${part}.${index}`, path.join(folder, name));
    } else fs.renameSync(`${part}.0`, place);
  });
}

/** Files get other names first (`part`, a dot, their number), then their own at once: what was cut off leaves no half file. */
async function writeWhole(
  folder: string,
  write: (part: string, files: string[]) => Promise<void>,
): Promise<void> {
  makeFolder(folder, 0o755);
  const part = path.join(folder, `${partMark}${randomUUID()}`);
  const files: string[] = [];
  try {
    await write(part, files);
  } finally {
    for (const index of files.keys()) fs.rmSync(`${part}.${index}`, { force: true });
  }
}

function piecesOf(format: ExportFormat, run: string, rows: ExportRows): Generator<Piece> {
  if (format === 'tensorboard') return eventPieces(run, rows);
  return format === 'csv' ? csvPieces(rows) : linePieces(rows);
}

async function writePieces(
  pieces: Iterable<Piece>,
  part: string,
  files: string[],
  signal: AbortSignal,
  say: (points: number) => void,
): Promise<void> {
  let gathered: Uint8Array[] = [];
  let length = 0;
  let points = 0;
  const flush = async (): Promise<void> => {
    if (files.length > 0)
      await fs.promises.appendFile(`${part}.${files.length - 1}`, Buffer.concat(gathered));
    gathered = [];
    length = 0;
    say(points);
    await turn();
    signal.throwIfAborted();
  };
  for (const piece of pieces) {
    if (piece.file !== files.at(-1)) {
      await flush();
      files.push(piece.file);
    }
    gathered.push(piece.bytes);
    length += piece.bytes.length;
    points += piece.points;
    if (length >= gatheredBytes) await flush();
  }
  // A run without points is an empty file.
  if (files.length === 0) files.push('');
  await flush();
}
