import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
} from '@vscode/webview-ui-toolkit';
import { html } from './dom.ts';

/**
 * Every use of @vscode/webview-ui-toolkit is in this file: the toolkit is archived upstream, so that another set of
 * controls must be able to take its place here. Tables and layout are native elements.
 */
provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeDropdown(), vsCodeOption());

export interface ButtonOptions {
  label: string;
  kind?: 'primary' | 'secondary';
  /** Said by tooltip and, after the label, by screen readers. */
  title?: string;
  press: () => void;
}

export interface Button {
  element: HTMLElement;
  setLabel(label: string): void;
  setEnabled(enabled: boolean): void;
  setPressed(pressed: boolean): void;
}

export function button(options: ButtonOptions): Button {
  const made = document.createElement('vscode-button');
  made.setAttribute('appearance', options.kind ?? 'secondary');
  made.textContent = options.label;
  if (options.title) made.title = options.title;
  made.addEventListener('click', () => {
    if (!made.hasAttribute('disabled')) options.press();
  });
  return {
    element: made,
    setLabel: (label) => {
      if (made.textContent !== label) made.textContent = label;
    },
    setEnabled: (enabled) => made.toggleAttribute('disabled', !enabled),
    setPressed: (pressed) => {
      // The toolkit hands this on to the button in its shadow tree.
      made.setAttribute('aria-pressed', String(pressed));
      made.classList.toggle('pressed', pressed);
    },
  };
}

export interface Checkbox {
  element: HTMLElement;
  set(checked: boolean): void;
}

export function checkbox(label: string, title: string, changed: (checked: boolean) => void): Checkbox {
  const made = document.createElement('vscode-checkbox') as HTMLElement & { checked: boolean };
  made.textContent = label;
  made.title = title;
  let quiet = false;
  made.addEventListener('change', () => {
    if (!quiet) changed(made.checked);
  });
  return {
    element: made,
    set(checked) {
      quiet = true;
      made.checked = checked;
      quiet = false;
    },
  };
}

export interface Choice {
  element: HTMLElement;
  set(value: string): void;
  /** Replaces what can be chosen, where it changed. */
  offer(options: readonly (readonly [value: string, label: string])[]): void;
}

/** A drop-down with its label in front. */
export function choice(
  label: string,
  options: readonly (readonly [value: string, label: string])[],
  changed: (value: string) => void,
): Choice {
  const made = document.createElement('vscode-dropdown') as HTMLElement & { value: string };
  made.setAttribute('aria-label', label);
  let offered = '';
  const offer: Choice['offer'] = (next) => {
    const key = JSON.stringify(next);
    if (key === offered) return;
    offered = key;
    made.replaceChildren(
      ...next.map(([value, text]) => {
        const option = document.createElement('vscode-option');
        option.setAttribute('value', value);
        option.textContent = text;
        return option;
      }),
    );
  };
  offer(options);
  let current = options[0]?.[0] ?? '';
  made.addEventListener('change', () => {
    if (made.value === current) return;
    current = made.value;
    changed(current);
  });
  return {
    element: html('label', { class: 'choice', children: [html('span', { text: label }), made] }),
    set(value) {
      current = value;
      if (made.value !== value) made.value = value;
    },
    offer,
  };
}
