import { html } from '../common/dom.ts';

export interface SearchBox {
  element: HTMLInputElement;
  set(text: string): void;
}

/** A field that tells what is typed into it, as it is typed. */
export function searchBox(label: string, changed: (text: string) => void): SearchBox {
  const made = html('input', {
    class: 'search-box',
    attributes: { type: 'search', placeholder: label, 'aria-label': label, maxlength: 1000 },
    on: { input: () => changed(made.value) },
  });
  return {
    element: made,
    set: (text) => {
      if (made.value !== text) made.value = text;
    },
  };
}
