import type { Frame } from 'playwright-core';

/**
 * Reads the first chart's canvas in the curves page: for each run of the legend that is on show, how many pixels have its
 * colour. So a curve counts only when it is really drawn.
 */
export function curvePixels(curves: Frame): Promise<{ name: string; pixels: number }[]> {
  return curves.evaluate(() => {
    const canvas = document.querySelector('canvas');
    const context = canvas?.getContext('2d');
    if (!canvas || !context || canvas.width === 0 || canvas.height === 0) return [];
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const rows = [...document.querySelectorAll('.legend li:not(.off)')];
    return rows.map((row) => {
      const stroke = getComputedStyle(row.querySelector('.swatch line') ?? row).stroke;
      const [red, green, blue] = (stroke.match(/[\d.]+/g) ?? []).map(Number);
      let pixels = 0;
      for (let i = 0; i < data.length; i += 4) {
        const distance =
          Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) + Math.abs(data[i + 2] - blue);
        if (data[i + 3] > 200 && distance < 24) pixels++;
      }
      return { name: row.querySelector('.name')?.textContent ?? '', pixels };
    });
  });
}

/** Runs of the legend with their state, as its tooltips say. */
export function legendRuns(curves: Frame): Promise<{ name: string; run: string; state: string }[]> {
  return curves.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.legend .toggle')].map((row) => {
      const [name, where = ''] = row.title.split('\n');
      const [, run = '', state = ''] = where.split(' · ');
      return { name, run, state: state.split(':')[0] };
    }),
  );
}
