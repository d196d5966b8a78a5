import { formatCount } from '../../src/core/numberFormat.ts';
import { html, setText } from '../common/dom.ts';

/** Half-lives in steps that the slider offers; null: no smoothing. */
export const halfLives: readonly (number | null)[] = [
  ...[null, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
];

/** A slider for the half-life of the moving average. */
export class SmoothingSlider {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly value = html('span', {
    class: 'numbers slider-value',
    attributes: { 'aria-hidden': 'true' },
  });

  /** `changed`: when the slider is let go or moved by a key. */
  constructor(changed: (halfLife: number | null) => void) {
    this.input = html('input', {
      attributes: {
        type: 'range',
        min: 0,
        max: halfLives.length - 1,
        step: 1,
        title: 'Half-life of the moving average in steps; what was measured stays faint',
        'aria-label': 'Smoothing: half-life of the moving average',
      },
      on: {
        input: () => this.describe(),
        change: () => changed(this.chosen),
      },
    });
    this.element = html('label', {
      class: 'choice',
      children: [html('span', { text: 'smooth' }), this.input, this.value],
    });
    this.set(null);
  }

  set(halfLife: number | null): void {
    // A half-life from elsewhere is shown at the nearest place below it.
    const at = halfLives.findLastIndex((each) => halfLife !== null && each !== null && each <= halfLife);
    this.input.value = String(Math.max(0, at));
    this.describe();
  }

  private get chosen(): number | null {
    return halfLives[Number(this.input.value)] ?? null;
  }

  private describe(): void {
    const { chosen } = this;
    const text = chosen === null ? 'off' : `${formatCount(chosen)} ${chosen === 1 ? 'step' : 'steps'}`;
    setText(this.value, text);
    this.input.setAttribute('aria-valuetext', text);
  }
}
