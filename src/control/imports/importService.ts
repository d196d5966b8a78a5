import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import type { TransferProgress } from '../../protocol/controlApi.ts';
import type { ImportRequest, ImportResult } from '../../protocol/outsideRuns.ts';
import type { Tell, TransferDesk } from '../transfers/transferDesk.ts';
import { findSources, type Source } from './findSources.ts';
import type { ImportedRuns } from './importedRuns.ts';
import { MetricsWriter, shownName } from './metricsWriter.ts';
import { readEventFiles } from './readEventFiles.ts';
import { readLines } from './readLines.ts';
import { readTable } from './readTable.ts';

/** Nobody reads more; a folder of other tables has a sentence for each. */
const mostNotes = 200;

interface Work {
  steps: ImportRequest['steps'];
  signal: AbortSignal;
  read: (bytes: number) => void;
  /** Folder in which parts are written. */
  part: string;
  result: ImportResult;
}

/** Brings curves of other programs in, one import at a time. */
export class ImportService {
  readonly #desk: TransferDesk;
  readonly #runs: ImportedRuns;

  constructor(desk: TransferDesk, runs: ImportedRuns) {
    this.#desk = desk;
    this.#runs = runs;
  }

  import(request: ImportRequest, listener: (progress: TransferProgress) => void): Promise<ImportResult> {
    return this.#desk.run(request.transfer, listener, ({ signal, tell }) =>
      this.#desk.alone('imports', signal, () => this.#import(request, signal, tell)),
    );
  }

  async #import({ paths, steps }: ImportRequest, signal: AbortSignal, tell: Tell): Promise<ImportResult> {
    const relative = paths.find((one) => !path.isAbsolute(one));
    if (relative !== undefined) throw new BiphaseError('usage', `${relative} is not an absolute path.`);
    const { sources, notes } = await findSources(paths, signal);
    const result: ImportResult = { imported: [], unclear: [], notes };
    const total = sources.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    const read = (bytes: number): void => {
      done = Math.min(done + bytes, total);
      tell({ doing: 'importing', done, total });
    };
    const part = this.#runs.makePart();
    try {
      for (const [index, source] of sources.entries()) {
        signal.throwIfAborted();
        const own = path.join(part, String(index));
        try {
          await this.#source(source, { steps, signal, read, part: own, result });
        } catch (thrown) {
          signal.throwIfAborted();
          const error = toBiphaseError(thrown);
          if (error.kind === 'full') throw error;
          result.notes.push(`${source.name}: ${error.message}`);
        }
        fs.rmSync(own, { recursive: true, force: true });
      }
    } finally {
      fs.rmSync(part, { recursive: true, force: true });
    }
    const more = notes.length - mostNotes;
    if (more > 0) notes.splice(mostNotes, more, `And ${more} more.`);
    return result;
  }

  async #source(source: Source, work: Work): Promise<void> {
    const { signal, read, part, steps, result } = work;
    const notes: string[] = [];
    const writers = new Map<string, MetricsWriter>();
    const writerOf = (run: string): MetricsWriter => {
      const writer = new MetricsWriter(path.join(part, String(writers.size)), () => writers.size);
      writers.set(run, writer);
      return writer;
    };
    const [file] = source.files;
    if (source.kind === 'events') await readEventFiles(source.files, writerOf(''), { signal, read, notes });
    else if (source.kind === 'lines') await readLines(file!, writerOf(''), { signal, read, notes });
    else {
      const unclear = await readTable(file!, steps[source.place], writerOf, { signal, read, notes });
      if (unclear && source.named) result.unclear.push({ path: source.place, ...unclear });
      else if (unclear)
        notes.push('it is not clear which column is the step. Import this file by itself to choose one.');
      if (unclear) writers.clear();
      else if (writers.size === 0) notes.push('it has no points.');
    }
    for (const [run, writer] of writers) await this.#take(source, run, writer, { signal, result, notes });
    result.notes.push(...notes.map((note) => `${shownName(source.name)}: ${note}`));
  }

  async #take(
    source: Source,
    run: string,
    writer: MetricsWriter,
    { signal, result, notes }: { signal: AbortSignal; result: ImportResult; notes: string[] },
  ): Promise<void> {
    const any = writer.end();
    if (writer.leftOut > 0)
      notes.push(
        `${writer.leftOut} values were left out: their step is no whole number from 0 to 4294967295, or there are too many metrics.`,
      );
    if (!any) {
      notes.push('it has no points.');
      return;
    }
    signal.throwIfAborted();
    const name = shownName(run === '' ? source.name : run);
    const key = run === '' ? source.place : `${source.place}\n${run}`;
    const taken = await this.#runs.take(writer, name, key);
    result.imported.push({ ...taken, name, points: writer.points });
  }
}
