/** Red, green and blue, 0 to 255 each, in sRGB. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What WCAG 2.1 (1.4.11) asks of graphics against what lies beside them. */
export const graphicsContrast = 3;

/** Reads a colour as `getComputedStyle` writes it, "rgb(…)" or "rgba(…)", without its opacity; else undefined. */
export function rgbOf(computed: string): Rgb | undefined {
  const numbers = /^rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)/.exec(computed)?.slice(1).map(Number);
  return numbers && [numbers[0]!, numbers[1]!, numbers[2]!];
}

/** Relative luminance, 0 (black) to 1 (white), by WCAG 2.1. */
function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** Contrast ratio of two colours, 1 to 21, by WCAG 2.1. */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

/**
 * The colour, moved no further towards white (on a dark background) or black (on a light one) than it takes to stand
 * out from the background.
 */
export function standingOut(colour: Rgb, background: Rgb): Rgb {
  const end = contrast([255, 255, 255], background) > contrast([0, 0, 0], background) ? 255 : 0;
  for (let percent = 0; percent < 100; percent += 5) {
    const [red, green, blue] = colour.map((c) => Math.round(c + ((end - c) * percent) / 100));
    const moved: Rgb = [red!, green!, blue!];
    if (contrast(moved, background) >= graphicsContrast) return moved;
  }
  return [end, end, end];
}
