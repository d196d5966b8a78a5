import { seriesColourCount } from './seriesStyle.ts';

/** Colours a canvas needs, as CSS colour strings of the current theme. */
export interface ThemeColours {
  foreground: string;
  muted: string;
  grid: string;
  background: string;
  error: string;
  focus: string;
  series: readonly string[];
  font: string;
  /** High contrast: no faint lines. */
  strong: boolean;
}

/** Reads the theme from the custom properties that base.css derives from the editor's. */
export function readTheme(): ThemeColours {
  const style = getComputedStyle(document.body);
  const read = (name: string) => style.getPropertyValue(name).trim();
  const classes = document.body.classList;
  return {
    foreground: read('--foreground'),
    muted: read('--muted'),
    grid: read('--grid'),
    background: read('--background'),
    error: read('--error'),
    focus: read('--focus'),
    series: Array.from({ length: seriesColourCount }, (_, i) => read(`--series-${i + 1}`)),
    font: style.fontFamily,
    strong: classes.contains('vscode-high-contrast') || classes.contains('vscode-high-contrast-light'),
  };
}

/** Calls back when the theme may have changed: the editor then changes the body's class or the root's style. */
export function onThemeChange(changed: () => void): void {
  let asked = false;
  const observer = new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      changed();
    });
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}
