/** Milliseconds that drawing rests at most. */
const longestRest = 200;

/**
 * Gathers what has to be drawn until the next frame. A slow picture is followed by as long a rest, so that points and keys
 * are not kept waiting by drawing alone.
 */
export class DrawScheduler<View> {
  private readonly dirty = new Set<View>();
  private readonly drawFrame: (views: View[]) => void;
  private frame: number | undefined;
  private restUntil = 0;
  private resting: ReturnType<typeof setTimeout> | undefined;

  constructor(drawFrame: (views: View[]) => void) {
    this.drawFrame = drawFrame;
  }

  drawLater(view: View): void {
    this.dirty.add(view);
    if (this.frame !== undefined || this.resting !== undefined) return;
    const rest = this.restUntil - performance.now();
    if (rest <= 0) this.ask();
    else
      this.resting = setTimeout(() => {
        this.resting = undefined;
        this.ask();
      }, rest);
  }

  private ask(): void {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = undefined;
    const started = performance.now();
    const views = [...this.dirty];
    this.dirty.clear();
    this.drawFrame(views);
    const ended = performance.now();
    this.restUntil = ended + Math.min(longestRest, ended - started);
  }
}
