import { rgbOf, standingOut } from './contrast.ts';
import { seriesColourCount } from './seriesStyle.ts';

/** Colours a canvas needs, as CSS colour strings of the current theme. */
export interface ThemeColours {
  foreground: string;
  muted: string;
  background: string;
  error: string;
  focus: string;
  series: readonly string[];
  font: string;
  /** High contrast: no faint lines. */
  strong: boolean;
}

/**
 * Makes the series colours of the theme's, for stylesheets and `readTheme`. Those of some themes are nearly invisible
 * as lines: the orange of VS Code's own dark one has an opacity of a third.
 */
export function setSeriesColours(): void {
  const probe = document.createElement('span');
  document.body.append(probe);
  const computed = (property: string) => {
    probe.style.color = `var(${property})`;
    return getComputedStyle(probe).color;
  };
  const background = rgbOf(computed('--page-background'));
  for (let i = 1; i <= seriesColourCount; i++) {
    const colour = rgbOf(computed(`--theme-series-${i}`));
    if (background && colour)
      document.body.style.setProperty(`--series-${i}`, `rgb(${standingOut(colour, background).join(', ')})`);
    else document.body.style.removeProperty(`--series-${i}`);
  }
  probe.remove();
}

/** Reads the theme from the custom properties that base.css derives from the editor's. */
export function readTheme(): ThemeColours {
  setSeriesColours();
  const style = getComputedStyle(document.body);
  const read = (name: string) => style.getPropertyValue(name).trim();
  const classes = document.body.classList;
  return {
    foreground: read('--page-foreground'),
    muted: read('--muted'),
    background: read('--page-background'),
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
