import { html } from '../common/dom.ts';
import { atShare, panned, type XRange, zoomed } from './xRange.ts';

/** The plot that gestures are made on. */
export interface GesturePlot {
  /** The range in view and where it lies: left edge and width in CSS pixels from the chart's left. */
  readonly range: XRange;
  readonly left: number;
  readonly width: number;
  readonly logarithmic: boolean;
}

export interface GestureEvents {
  /** Undefined while there is nothing to move. */
  plot: () => GesturePlot | undefined;
  /** The view should be this; more may follow until `ended`. */
  move: (range: XRange) => void;
  ended: () => void;
  reset: () => void;
  /** The pointer is here, in CSS pixels from the chart's corner; null: it left the plot. */
  pointed: (at: { x: number; y: number } | null) => void;
}

/** A shorter drag is a click. CSS pixels. */
const shortestBrush = 8;

/**
 * Pointer and wheel on a chart: dragging chooses a range, with Shift it pans; Ctrl and the wheel zoom, a sideways wheel
 * or Shift and the wheel pan, a double click shows everything. A plain wheel scrolls the page as everywhere.
 */
export class Gestures {
  readonly brush = html('div', { class: 'brush', attributes: { hidden: true, 'aria-hidden': 'true' } });
  private readonly target: HTMLElement;
  private readonly events: GestureEvents;
  private drag: { kind: 'brush' | 'pan'; from: number; plot: GesturePlot } | undefined;

  constructor(target: HTMLElement, events: GestureEvents) {
    this.target = target;
    this.events = events;
    target.addEventListener('pointerdown', (event) => this.down(event));
    target.addEventListener('pointermove', (event) => this.moved(event));
    target.addEventListener('pointerup', (event) => this.up(event));
    target.addEventListener('pointercancel', () => this.cancel());
    target.addEventListener('pointerleave', () => events.pointed(null));
    target.addEventListener('dblclick', () => events.reset());
    target.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
  }

  private at(event: MouseEvent): { x: number; y: number } {
    const bounds = this.target.getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  }

  private down(event: PointerEvent): void {
    const plot = this.events.plot();
    if (!plot || event.button !== 0 || event.pointerType === 'touch') return;
    const { x } = this.at(event);
    if (x < plot.left || x > plot.left + plot.width) return;
    this.target.setPointerCapture(event.pointerId);
    this.drag = { kind: event.shiftKey ? 'pan' : 'brush', from: x, plot };
  }

  private moved(event: PointerEvent): void {
    if (event.pointerType === 'touch') return;
    const at = this.at(event);
    const { drag } = this;
    if (!drag) {
      const plot = this.events.plot();
      const inside = plot && at.x >= plot.left && at.x <= plot.left + plot.width;
      this.events.pointed(inside ? at : null);
      return;
    }
    const { plot } = drag;
    if (drag.kind === 'pan')
      this.events.move(panned(plot.range, (drag.from - at.x) / plot.width, plot.logarithmic));
    else {
      const [left, right] = brushed(drag.from, at.x, plot);
      this.brush.hidden = right - left < shortestBrush;
      this.brush.style.left = `${left}px`;
      this.brush.style.width = `${right - left}px`;
    }
  }

  private up(event: PointerEvent): void {
    const { drag } = this;
    if (!drag) return;
    this.cancel();
    if (drag.kind === 'pan') {
      this.events.ended();
      return;
    }
    const { plot } = drag;
    const [left, right] = brushed(drag.from, this.at(event).x, plot);
    if (right - left < shortestBrush) return;
    const x = (place: number) => atShare(plot.range, (place - plot.left) / plot.width, plot.logarithmic);
    this.events.move([x(left), x(right)]);
    this.events.ended();
  }

  private cancel(): void {
    this.drag = undefined;
    this.brush.hidden = true;
  }

  private wheel(event: WheelEvent): void {
    const plot = this.events.plot();
    if (!plot) return;
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      const share = Math.min(1, Math.max(0, (this.at(event).x - plot.left) / plot.width));
      const centre = atShare(plot.range, share, plot.logarithmic);
      this.events.move(
        zoomed(plot.range, 1.15 ** (pixels(event, event.deltaY) / 50), centre, plot.logarithmic),
      );
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      this.events.move(panned(plot.range, pixels(event, sideways) / plot.width, plot.logarithmic));
    else return;
    event.preventDefault();
  }
}

function brushed(from: number, to: number, plot: GesturePlot): [left: number, right: number] {
  const inPlot = (x: number) => Math.min(plot.left + plot.width, Math.max(plot.left, x));
  return [inPlot(Math.min(from, to)), inPlot(Math.max(from, to))];
}

/** Wheels tell lines or pages too. */
function pixels(event: WheelEvent, delta: number): number {
  return delta * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
}
