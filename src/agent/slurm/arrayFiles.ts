import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { isActive } from '../../core/runState.ts';
import type { RunReport } from '../../protocol/agentApi.ts';
import { runFiles } from '../../protocol/runDirectory.ts';
import { type JobArray, jobArraySchema } from '../../protocol/slurm.ts';
import { readJson } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import { outputPattern } from './jobOptions.ts';

/** A list so young may be that of an array whose runs are just being submitted. */
const restMs = 24 * 3600 * 1000;

/** Throws `damaged` where the file is no list of an array's runs. */
export function readArray(file: string): JobArray {
  const list = readJson(file, jobArraySchema);
  if (!list) throw new BiphaseError('damaged', `${file} does not list the runs of an array.`);
  return list;
}

/** Removes what arrays have in the queue whose runs are all over; answers with their ids. */
export function cleanArrays(root: NodeRoot, reports: readonly RunReport[], now = Date.now()): string[] {
  const going = new Set(reports.filter(({ state }) => isActive(state)).map(({ run }) => run));
  return fs.readdirSync(root.queues).flatMap((name) => {
    const array = /^array-([0-9a-z]+)\.json$/.exec(name)?.[1];
    if (array === undefined) return [];
    const files = new ArrayFiles(root, array);
    const list = readJson(files.list, jobArraySchema);
    if (!list || list.runs.some((run) => going.has(run))) return [];
    if (now - fs.statSync(files.list).mtimeMs < restMs) return [];
    files.remove(list.runs.length);
    return [array];
  });
}

/** What an array has in `<root>/queue`. */
export class ArrayFiles {
  readonly #folder: string;
  readonly #name: string;

  constructor(root: NodeRoot, array: string) {
    this.#folder = root.queues;
    this.#name = `array-${array}`;
  }

  get list(): string {
    return path.join(this.#folder, `${this.#name}.json`);
  }

  get script(): string {
    return path.join(this.#folder, `${this.#name}.sh`);
  }

  get outputPattern(): string {
    return `${outputPattern(path.join(this.#folder, this.#name))}-%a.log`;
  }

  /** What an element prints goes to its run: Slurm knows only the element's number. */
  linkOutputs(directories: readonly string[]): void {
    for (const [task, directory] of directories.entries()) {
      const target = path.join('..', 'runs', path.basename(directory), runFiles.output);
      fs.rmSync(this.#output(task), { force: true });
      fs.symlinkSync(target, this.#output(task));
    }
  }

  remove(count: number): void {
    for (const file of [
      this.list,
      this.script,
      ...Array.from({ length: count }, (_, task) => this.#output(task)),
    ])
      fs.rmSync(file, { force: true });
  }

  #output(task: number): string {
    return path.join(this.#folder, `${this.#name}-${task}.log`);
  }
}
