import { button } from '../common/controls.ts';
import { html } from '../common/dom.ts';

/** What a page without runs says, and the two things to do. */
export function emptyState(launch: () => void, pickRuns: () => void): HTMLElement {
  return html('section', {
    class: 'empty',
    attributes: { hidden: true },
    children: [
      html('h2', { text: 'No runs on show' }),
      html('p', { class: 'muted', text: 'Launch a run, or choose some that are already there.' }),
      html('div', {
        class: 'buttons',
        children: [
          button({ label: 'Launch Run…', kind: 'primary', press: launch }).element,
          button({ label: 'Choose Runs…', press: pickRuns }).element,
        ],
      }),
    ],
  });
}
