import { html } from '../common/dom.ts';

/** A list under a button of the toolbar; Escape and a press elsewhere close it. */
export class PopUp {
  readonly element: HTMLDetailsElement;
  readonly label = html('summary');

  constructor(name: string, content: HTMLElement, opened?: () => void) {
    this.label.textContent = name;
    this.element = html('details', { class: 'pop-up', children: [this.label, content] });
    content.classList.add('pop-up-content');
    this.element.addEventListener('toggle', () => {
      if (this.element.open) opened?.();
    });
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !this.element.open) return;
      event.stopPropagation();
      this.close();
      this.label.focus();
    });
    document.addEventListener('pointerdown', (event) => {
      if (!event.composedPath().includes(this.element)) this.close();
    });
  }

  close(): void {
    this.element.open = false;
  }
}
