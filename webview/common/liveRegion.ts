import { html, setText } from './dom.ts';

/** A polite live region: the last thing said within half a second is what is read out. */
export class LiveRegion {
  readonly element = html('div', {
    class: 'visually-hidden',
    attributes: { role: 'status', 'aria-live': 'polite' },
  });
  private timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setText(this.element, text), 150);
  }
}
