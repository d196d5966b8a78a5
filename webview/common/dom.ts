/** What an element may be given: text goes in as text, so nothing from a run can become markup. */
export interface ElementParts {
  class?: string;
  text?: string;
  attributes?: Record<string, string | number | boolean | undefined>;
  children?: readonly (Node | string)[];
  on?: Partial<Record<string, (event: Event) => void>>;
}

function fill<E extends Element>(made: E, parts: ElementParts): E {
  if (parts.class !== undefined) made.setAttribute('class', parts.class);
  if (parts.text !== undefined) made.textContent = parts.text;
  for (const [name, value] of Object.entries(parts.attributes ?? {}))
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value));
  if (parts.children) made.append(...parts.children);
  for (const [type, listener] of Object.entries(parts.on ?? {}))
    if (listener) made.addEventListener(type, listener);
  return made;
}

/** Makes an HTML element. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  parts: ElementParts = {},
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), parts);
}

/** Makes an SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  parts: ElementParts = {},
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), parts);
}

/** Sets text only where it changed: spares layout and screen readers. */
export function setText(target: Node, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** True while the keys belong to a control in which one types. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ['INPUT', 'SELECT', 'TEXTAREA', 'VSCODE-DROPDOWN'].includes(target.tagName))
  );
}
