/** Between two sentences about new points, in milliseconds. */
const newsInterval = 10_000;

/**
 * Tells of new points in the chart that has the focus: one sentence in ten seconds at most, also counted from whatever
 * else was said, so that it interrupts nobody who reads the chart by keys.
 */
export class LiveNews {
  private readonly runs = new Set<string>();
  private readonly tell: (runs: ReadonlySet<string>) => void;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `tell`: says what is new of these runs, if a chart still has the focus. */
  constructor(tell: (runs: ReadonlySet<string>) => void) {
    this.tell = tell;
  }

  /** A run got points in the chart that has the focus. */
  arrived(run: string): void {
    this.runs.add(run);
    this.timer ??= setTimeout(() => this.now(), newsInterval);
  }

  /** Something else was said: news wait again. */
  said(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), newsInterval);
  }

  private now(): void {
    this.timer = undefined;
    const told = new Set(this.runs);
    this.runs.clear();
    this.tell(told);
  }
}
