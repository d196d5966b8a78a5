import type { PageState } from './pageState.ts';
import type { Scenes } from './scenes.ts';
import { ViewMotion } from './viewMotion.ts';
import { inside, type XRange } from './xRange.ts';

/** A change that follows another one sooner than so is one of several: finer points are asked for after the last of them. */
const settleMilliseconds = 150;

export interface ViewRangeEvents {
  /** Moves the last pictures to a range, in a frame. */
  move: (range: XRange) => void;
  /** Draws all panels exactly. */
  draw: () => void;
  /** The range of the state is another one (null: everything). `tell`: the person chose it here. */
  changed: (range: [number, number] | null, tell: boolean) => void;
  /** It stays: finer points are due. */
  settled: (range: [number, number] | null) => void;
}

/** The range of x in view: moved by gestures, set at their end, saved when it settles. */
export class ViewRange {
  private readonly motion: ViewMotion;
  private readonly state: PageState;
  private readonly scenes: Scenes;
  private readonly events: ViewRangeEvents;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private changedAt = Number.NEGATIVE_INFINITY;

  constructor(state: PageState, scenes: Scenes, events: ViewRangeEvents) {
    this.state = state;
    this.scenes = scenes;
    this.events = events;
    this.motion = new ViewMotion({
      show: (range) => {
        // Who wants less motion waits for the exact picture.
        if (!matchMedia('(prefers-reduced-motion: reduce)').matches) events.move(range);
      },
      settle: (range) => this.set(range),
    });
  }

  /** The range in view while a gesture lasts. */
  get moving(): XRange | undefined {
    return this.motion.now;
  }

  /** A gesture moves the view: to as much of the range as there is. */
  move(range: XRange): void {
    this.motion.move(inside(range, this.scenes.extent, this.state.current?.logX ?? false));
  }

  /** The gesture ended. */
  end(): void {
    this.motion.end();
  }

  cancel(): void {
    this.motion.cancel();
  }

  /** Draws all panels with the points there are; finer ones and the saved state follow when it settles. */
  set(wanted: XRange | null, tell = true): void {
    const state = this.state.current;
    if (!state) return;
    this.motion.cancel();
    const { extent } = this.scenes;
    // Who zooms out beyond the points wants to see new ones come.
    const all = wanted !== null && wanted[0] <= extent[0] && wanted[1] >= extent[1];
    const range: [number, number] | null = wanted === null || all ? null : [wanted[0], wanted[1]];
    // Also where nothing changes: a moved picture is replaced.
    this.events.draw();
    const now = state.range;
    if (now === range || (now && range && now[0] === range[0] && now[1] === range[1])) return;
    this.state.changeUnsaved({ range });
    this.events.changed(range, tell);
    const since = performance.now() - this.changedAt;
    this.changedAt = performance.now();
    clearTimeout(this.settling);
    this.settling = setTimeout(
      () => {
        this.state.saveNow();
        this.events.settled(this.state.current?.range ?? null);
      },
      since < settleMilliseconds ? settleMilliseconds : 0,
    );
  }
}
