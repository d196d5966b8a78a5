import { printable } from '../core/printable.ts';
import type { Progress } from '../protocol/runDirectory.ts';

const barWidth = 24;
/** Without a terminal a line is written only this often. */
const plainEveryMs = 10_000;

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** One line of text on a run's progress, without its name. */
export function progressText(progress: Progress): string {
  if (progress.step === 0 && progress.doing !== 'training') return progress.doing;
  const loss = typeof progress.loss === 'number' ? progress.loss.toFixed(4) : (progress.loss ?? '–');
  const left = progress.secondsLeft === null ? '' : ` · ${duration(progress.secondsLeft)} left`;
  const doing = progress.doing === 'training' ? '' : ` · ${progress.doing}`;
  return `${progress.step}/${progress.totalSteps} · loss ${loss} · ${Math.round(progress.tokensPerSecond)} tok/s${left}${doing}`;
}

/** A bar that redraws itself on a terminal; elsewhere a line now and then, and one for each thing that is begun. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #lastPlain = Number.NEGATIVE_INFINITY;
  #lastDoing = '';
  #drawn = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(name: string, progress: Progress): void {
    const text = printable(`${name}  ${progressText(progress)}`);
    if (this.#stream.isTTY) {
      const filled = Math.round((progress.step / Math.max(1, progress.totalSteps)) * barWidth);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`;
      const columns = this.#stream.columns || 100;
      this.#stream.write(`\r\u001b[K${`${bar} ${text}`.slice(0, columns - 1)}`);
      this.#drawn = true;
      return;
    }
    const now = performance.now();
    const last = progress.doing === 'done' || progress.doing === 'stopped';
    const begun = progress.step === 0 && progress.doing !== this.#lastDoing;
    if (!last && !begun && now - this.#lastPlain < plainEveryMs) return;
    this.#lastPlain = now;
    this.#lastDoing = progress.doing;
    this.#stream.write(`${text}\n`);
  }

  /** A sentence on a line of its own, above the bar. */
  notice(sentence: string): void {
    this.#stream.write(`${this.#drawn ? '\r\u001b[K' : ''}${printable(sentence)}\n`);
  }

  end(): void {
    if (this.#drawn) this.#stream.write('\n');
  }
}
