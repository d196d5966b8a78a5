import { html } from '../common/dom.ts';
import type { CurveChart } from './charting.ts';
import { pictureMove, type XRange } from './xRange.ts';

/**
 * The last picture of a plot, moved and scaled while a gesture lasts: a transform costs next to nothing, a new picture of
 * many curves more than a frame. It lies over the chart, and below it stands which range is in view.
 */
export class MovingPicture {
  private readonly picture = html('canvas');
  private readonly plot = html('div', { class: 'moving-plot' });
  private readonly from = html('span');
  private readonly to = html('span');
  private readonly axis = html('div', { class: 'moving-axis muted numbers', children: [this.from, this.to] });
  readonly element = html('div', {
    class: 'moving',
    attributes: { 'aria-hidden': 'true', hidden: true },
    children: [this.plot, this.axis],
  });

  /** Whether a gesture lasts. */
  get shown(): boolean {
    return !this.element.hidden;
  }

  /** Shows the chart's picture, drawn of range `before`, as it lies in `after`, whose ends are called so. */
  move(
    chart: CurveChart,
    before: XRange,
    after: XRange,
    logarithmic: boolean,
    ends: readonly string[],
  ): void {
    const { left, top, width, height } = chart.chartArea;
    if (!this.shown) {
      const ratio = chart.currentDevicePixelRatio;
      this.picture.width = Math.max(1, Math.round(width * ratio));
      this.picture.height = Math.max(1, Math.round(height * ratio));
      this.picture
        .getContext('2d')!
        .drawImage(chart.canvas, Math.round(-left * ratio), Math.round(-top * ratio));
      Object.assign(this.plot.style, {
        left: `${left}px`,
        top: `${top}px`,
        width: `${width}px`,
        height: `${height}px`,
      });
      Object.assign(this.axis.style, {
        left: `${left}px`,
        top: `${top + height + 1}px`,
        width: `${width}px`,
      });
      this.plot.append(this.picture);
      this.element.hidden = false;
    }
    const { scale, offset } = pictureMove(before, after, logarithmic);
    this.picture.style.transform = `translateX(${offset * width}px) scaleX(${scale})`;
    [this.from.textContent, this.to.textContent] = [ends[0]!, ends[1]!];
  }

  /** The exact picture is there. */
  end(): void {
    this.element.hidden = true;
  }
}
