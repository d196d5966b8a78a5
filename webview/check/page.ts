import { fromCheckPage, type ToCheckPage, toCheckPage } from '../../src/protocol/pageMessages.ts';
import { openChannel } from '../common/channel.ts';
import { button } from '../common/controls.ts';
import { html, setText, svg } from '../common/dom.ts';
import { onThemeChange, setSeriesColours } from '../common/theme.ts';
import { type Fact, facts, sizeText } from './facts.ts';
import { phaseBar } from './phaseBar.ts';

const verdictPaths = {
  good: 'M3.6 8.4l3 3l5.8 -6.6',
  bad: 'M8 3.5v5.5M8 12v.1',
  pending: 'M4 8h.1M8 8h.1M12 8h.1',
};

/** The check page: what will run and whether it can, then Start, Edit as File or Cancel. */
export class CheckPage {
  private readonly channel;
  private readonly name = html('h1');
  private readonly size = html('p', { class: 'muted numbers' });
  private readonly phases = html('div');
  private readonly list = html('dl', { class: 'facts' });
  private readonly failure = html('div', { class: 'failure', attributes: { role: 'alert', hidden: true } });
  private readonly yaml = html('pre');
  private readonly file = html('details', {
    class: 'file',
    children: [html('summary', { text: 'Run file' }), this.yaml],
  });
  private readonly body = html('div', { class: 'body', attributes: { hidden: true } });
  private readonly start;
  private shown = '';
  private starting = false;
  private focused = false;

  constructor(root: HTMLElement) {
    this.channel = openChannel(toCheckPage, fromCheckPage, (message) => this.receive(message));
    this.start = button({
      label: 'Start',
      kind: 'primary',
      title: 'Start the run (Enter)',
      press: () => this.go(),
    });
    const edit = button({
      label: 'Edit as File',
      title: 'Open the run file in an editor',
      press: () => this.channel.post({ type: 'edit' }),
    });
    const cancel = button({ label: 'Cancel', title: 'Close this page (Esc)', press: () => this.cancel() });
    this.start.setEnabled(false);
    this.body.append(this.phases, this.list, this.file);
    root.classList.add('check');
    setText(this.name, 'Checking the run');
    root.append(
      html('header', { children: [this.name, this.size] }),
      this.body,
      this.failure,
      html('div', { class: 'buttons', children: [this.start.element, edit.element, cancel.element] }),
    );
    document.addEventListener('keydown', (event) => {
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
      // A focused button or summary keeps its own Enter.
      const own = event
        .composedPath()
        .some((t) => t instanceof Element && t.matches('vscode-button, summary, pre'));
      if (event.key === 'Enter' && !own) this.go();
      else if (event.key === 'Escape') this.cancel();
    });
    setSeriesColours();
    onThemeChange(setSeriesColours);
    this.channel.post({ type: 'ready' });
  }

  private receive(message: ToCheckPage): void {
    if (message.type === 'failed') {
      this.starting = false;
      this.start.setLabel('Start');
      this.start.setEnabled(this.shown !== '');
      this.failure.replaceChildren(
        html('p', { text: message.message }),
        ...(message.next ? [html('p', { class: 'muted', text: message.next })] : []),
      );
      this.failure.hidden = false;
      if (this.shown === '') setText(this.name, 'This run cannot start');
      return;
    }
    this.failure.hidden = true;
    this.starting = message.starting;
    this.start.setLabel(message.starting ? 'Starting…' : 'Start');
    this.start.setEnabled(!message.starting && message.check.fits !== false);
    setText(this.name, message.check.name);
    setText(this.size, sizeText(message.check));
    setText(this.yaml, message.yaml);
    this.body.hidden = false;
    const key = JSON.stringify(message.check);
    if (key !== this.shown) {
      this.shown = key;
      this.phases.replaceChildren(phaseBar(message.check));
      this.list.replaceChildren(...facts(message.check).map(factElement));
    }
    if (!this.focused && message.check.fits !== false) {
      this.focused = true;
      this.start.element.focus();
    }
  }

  private go(): void {
    if (this.starting || this.start.element.hasAttribute('disabled')) return;
    this.starting = true;
    this.start.setLabel('Starting…');
    this.start.setEnabled(false);
    this.channel.post({ type: 'start' });
  }

  private cancel(): void {
    this.channel.post({ type: 'cancel' });
  }
}

function factElement(fact: Fact): HTMLElement {
  const icon =
    fact.verdict === 'plain'
      ? []
      : [
          svg('svg', {
            class: `verdict ${fact.verdict}`,
            attributes: { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' },
            children: [svg('path', { attributes: { d: verdictPaths[fact.verdict] } })],
          }),
        ];
  return html('div', {
    children: [
      html('dt', { class: 'muted', text: fact.question }),
      html('dd', {
        children: [
          html('p', { class: 'answer', children: [...icon, html('span', { text: fact.answer })] }),
          ...fact.details.map((detail) => html('p', { class: 'muted numbers detail', text: detail })),
        ],
      }),
    ],
  });
}
