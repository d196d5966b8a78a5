import type { XRange } from './xRange.ts';

/** After so long without another move a gesture has ended, in milliseconds. */
const gestureEnd = 50;

export interface ViewMotionEvents {
  /** Moves the last pictures to this range, in a frame. */
  show: (range: XRange) => void;
  /** The gesture ended: the exact picture of this range is due. */
  settle: (range: XRange) => void;
}

/** A gesture that moves the view: pictures follow in every frame, the exact one once it has ended. */
export class ViewMotion {
  private range: XRange | undefined;
  private frame: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly events: ViewMotionEvents;

  constructor(events: ViewMotionEvents) {
    this.events = events;
  }

  /** The range that is in view now, while a gesture lasts. */
  get now(): XRange | undefined {
    return this.range;
  }

  move(range: XRange): void {
    this.range = range;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.range) this.events.show(this.range);
    });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), gestureEnd);
  }

  end(): void {
    clearTimeout(this.timer);
    const range = this.range;
    this.range = undefined;
    if (range) this.events.settle(range);
  }

  /** Another view was asked for meanwhile. */
  cancel(): void {
    this.range = undefined;
    clearTimeout(this.timer);
  }
}
