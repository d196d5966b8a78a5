import fs from 'node:fs';
import path from 'node:path';
import { printable } from '../../core/printable.ts';
import { type Progress, runFiles } from '../../protocol/runDirectory.ts';

/** Characters that are gathered before they are written; less where many runs are written at once. */
const gatheredLength = 256 << 10;
const gatheredByAll = 32 << 20;
/** Seconds: about 30,000 years. What is beyond is no time, and would overflow where times are subtracted. */
const mostSeconds = 1e12;
const highestStep = 0xffffffff;
const highestSegment = 0xffff;
/** More names than anybody can choose from; what is beyond them is counted. */
const mostMetrics = 20_000;
const lineStart = /^(\{"segment":\d+,"step":\d+,"tokens":[^,]+,"time":)([^,]+),"elapsed":[^,]+/;
/** Characters of one line, and of one name: who reads the file takes lines of some megabytes for damage. */
const longestLine = 1 << 20;
const lossNames = /(^|\/)(train[_/])?loss$/;

/** What is known of one step beside its values. */
export interface ImportedStep {
  segment: number;
  step: number;
  tokens: number;
  /** Unix seconds; what is not finite is taken from the step before. */
  time: number | undefined;
  /** Seconds; undefined: counted from the first `time`. */
  elapsed: number | undefined;
}

/** Writes one imported run as metrics.jsonl: neighbours of one step become one line, and of one metric in it the first stays. */
export class MetricsWriter {
  readonly folder: string;
  /** Values that are in the file, and values at steps that no run has. */
  points = 0;
  leftOut = 0;
  firstTime: number | undefined;
  /** As they are written; whether it is the loss that a tree shows. */
  readonly #metrics = new Map<string, { key: string; isLoss: boolean }>();
  #gathered = '';
  #pending: { at: ImportedStep; line: string[]; length: number; seen: Set<string> } | undefined;
  #time = 0;
  /** Of the first time; whether some line says its seconds of training itself. */
  #earliest = Number.POSITIVE_INFINITY;
  #toldElapsed = false;
  #last = { segment: 0, step: 0, tokens: 0 };
  #loss: { segment: number; step: number; value: number } | undefined;

  readonly #writers: () => number;

  /** `folder` is made. `writers`: how many are at work at once. */
  constructor(folder: string, writers: () => number = () => 1) {
    this.folder = folder;
    this.#writers = writers;
    fs.mkdirSync(folder, { mode: 0o700, recursive: true });
    fs.writeFileSync(this.#file, '', { mode: 0o600 });
  }

  get #file(): string {
    return path.join(this.folder, runFiles.metrics);
  }

  add(at: ImportedStep, values: readonly (readonly [name: string, value: number])[]): void {
    const fits = isCount(at.step, highestStep) && isCount(at.segment, highestSegment);
    if (!fits) {
      this.leftOut += values.length;
      return;
    }
    if (values.length === 0) return;
    const before = this.#pending;
    if (!before || before.at.step !== at.step || before.at.segment !== at.segment) {
      this.#endLine();
      this.#pending = { at, line: [], length: 0, seen: new Set() };
    }
    for (const [name, value] of values) this.#value(name === '' ? 'value' : name, value);
  }

  /** Writes what is left; true where the run has any point. */
  end(): boolean {
    this.#endLine();
    this.#flush();
    if (this.#earliest < (this.firstTime ?? 0) && !this.#toldElapsed) this.#countFromEarliest();
    return this.points > 0;
  }

  progress(): Progress {
    const { segment, step, tokens } = this.#last;
    const value = this.#loss?.value;
    const loss = value === undefined || Number.isFinite(value) ? value : nonFinite(value);
    const rest = { phase: 0, tokensPerSecond: 0, secondsLeft: null, doing: 'done', time: this.#time };
    return { schema: 1, segment, step, totalSteps: step, tokens, loss: loss ?? null, ...rest };
  }

  #value(name: string, value: number): void {
    const { at, seen, length } = this.#pending!;
    if (seen.has(name)) return;
    let metric = this.#metrics.get(name);
    if (!metric) {
      if (this.#metrics.size >= mostMetrics || name.length > longestLine / 8) {
        this.leftOut++;
        return;
      }
      metric = { key: JSON.stringify(name), isLoss: lossNames.test(name) };
      this.#metrics.set(name, metric);
    }
    seen.add(name);
    this.points++;
    if (metric.isLoss) this.#noteLoss(value);
    const entry = `${metric.key}:${Number.isFinite(value) ? value : `"${value}"`}`;
    if (length > 0 && length + entry.length > longestLine) {
      this.#endLine();
      this.#pending = { at, line: [], length: 0, seen };
    }
    this.#pending!.line.push(entry);
    this.#pending!.length += entry.length;
  }

  /** Rows may come in any order: what counts is the last step. */
  #noteLoss(value: number): void {
    const { segment, step } = this.#pending!.at;
    const last = this.#loss;
    if (last && (segment < last.segment || (segment === last.segment && step < last.step))) return;
    this.#loss = { segment, step, value };
  }

  #endLine(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (!pending || pending.line.length === 0) return;
    const { segment, step, tokens, elapsed } = pending.at;
    const told = pending.at.time;
    if (isTime(told)) {
      this.firstTime ??= told;
      this.#earliest = Math.min(this.#earliest, told);
      this.#time = told;
    }
    if (isTime(elapsed)) this.#toldElapsed = true;
    const seconds = isTime(elapsed) ? elapsed : this.#time - (this.firstTime ?? 0);
    const seen = Number.isFinite(tokens) && tokens >= 0 ? tokens : 0;
    if (segment > this.#last.segment) this.#last = { segment, step, tokens: seen };
    else if (step >= this.#last.step) this.#last = { segment: this.#last.segment, step, tokens: seen };
    this.#gathered += `{"segment":${segment},"step":${step},"tokens":${seen},"time":${this.#time},"elapsed":${seconds},"metrics":{${pending.line.join(',')}}}\n`;
    if (this.#gathered.length >= Math.min(gatheredLength, gatheredByAll / this.#writers())) this.#flush();
  }

  /** The rows came newest first, or a clock was set back: seconds of training are never below 0. */
  #countFromEarliest(): void {
    const written = this.#file;
    const corrected = `${written}.new`;
    const from = fs.openSync(written, 'r');
    const to = fs.openSync(corrected, 'w', 0o600);
    try {
      const piece = Buffer.alloc(1 << 20);
      let rest = '';
      const decoder = new TextDecoder();
      for (let read = fs.readSync(from, piece); read > 0; read = fs.readSync(from, piece)) {
        const lines = (rest + decoder.decode(piece.subarray(0, read), { stream: true })).split('\n');
        rest = lines.pop()!;
        fs.writeSync(to, lines.map((line) => `${this.#counted(line)}\n`).join(''));
      }
    } finally {
      fs.closeSync(from);
      fs.closeSync(to);
    }
    fs.renameSync(corrected, written);
    this.firstTime = this.#earliest;
  }

  #counted(line: string): string {
    return line.replace(lineStart, (_, before: string, time: string) => {
      // Before the first time that was told it is 0.
      const seconds = time === '0' ? 0 : Number(time) - this.#earliest;
      return `${before}${time},"elapsed":${seconds}`;
    });
  }

  #flush(): void {
    // The parser takes a bare replacement character for damage.
    fs.appendFileSync(this.#file, this.#gathered.replaceAll('\ufffd', '\\ufffd'));
    this.#gathered = '';
  }
}

/** A name that a person or another program gave, short and in one line. */
export function shownName(name: string): string {
  return printable(name).slice(0, 200) || 'run';
}

function isTime(seconds: number | undefined): seconds is number {
  return seconds !== undefined && Math.abs(seconds) < mostSeconds;
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

function nonFinite(value: number): 'NaN' | 'Infinity' | '-Infinity' {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}
