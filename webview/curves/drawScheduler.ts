/**
 * Why something is drawn: the person asked for another picture, `points` came, or points that were `added` to its lines
 * already, which leaves only numbers beside it to follow.
 */
export type DrawReason = 'person' | 'points' | 'added';

/** Of new points alone a chart is drawn no more often than so, in milliseconds. */
const intervals = { points: 200, added: 1000 };
/** What waits for a more urgent reason too waits for that. */
const urgency: readonly DrawReason[] = ['added', 'points', 'person'];
/** Milliseconds that drawing of points rests at most. */
const longestRest = 200;

/**
 * Draws one chart a frame, so that no frame takes as long as all of them together: first what the person waits for,
 * then charts with new points, each at most five times a second, or once where its lines have them already. A slow picture of points is followed by as long a rest,
 * so that keys are not kept waiting.
 */
export class DrawScheduler<View> {
  private readonly waiting = new Map<View, DrawReason>();
  private readonly drawnAt = new Map<View, number>();
  private readonly drawOne: (view: View) => void;
  private readonly busy: (busy: boolean) => void;
  private frame: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private restUntil = 0;

  /** `busy`: whether something waits to be drawn. */
  constructor(drawOne: (view: View) => void, busy: (busy: boolean) => void) {
    this.drawOne = drawOne;
    this.busy = busy;
  }

  drawLater(view: View, reason: DrawReason = 'person'): void {
    const before = this.waiting.get(view);
    if (before === undefined || urgency.indexOf(reason) > urgency.indexOf(before))
      this.waiting.set(view, reason);
    this.plan();
  }

  /** The view is no longer there. */
  forget(view: View): void {
    this.waiting.delete(view);
    this.drawnAt.delete(view);
  }

  private plan(): void {
    this.busy(this.waiting.size > 0);
    if (this.frame !== undefined || this.waiting.size === 0) return;
    const now = performance.now();
    const due = Math.min(...[...this.waiting].map(([view, reason]) => this.dueAt(view, reason)));
    clearTimeout(this.timer);
    this.timer = undefined;
    if (due <= now) this.frame = requestAnimationFrame(() => this.draw());
    else this.timer = setTimeout(() => this.plan(), due - now);
  }

  private dueAt(view: View, reason: DrawReason): number {
    if (reason === 'person') return 0;
    return Math.max(this.restUntil, (this.drawnAt.get(view) ?? Number.NEGATIVE_INFINITY) + intervals[reason]);
  }

  private draw(): void {
    this.frame = undefined;
    const started = performance.now();
    const all = [...this.waiting];
    const [view, reason] =
      all.find(([, why]) => why === 'person') ??
      all.find(([each, why]) => this.dueAt(each, why) <= started) ??
      [];
    if (view !== undefined) {
      this.waiting.delete(view);
      this.drawnAt.set(view, started);
      try {
        this.drawOne(view);
      } finally {
        // A chart that cannot be drawn must not keep the others from it.
        const ended = performance.now();
        if (reason !== 'person') this.restUntil = ended + Math.min(longestRest, ended - started);
        this.plan();
      }
    } else this.plan();
  }
}
