import fs from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { screenshots } from './pageHost.ts';

const folder = path.join(import.meta.dirname, 'pictures');
const madeWithFile = path.join(folder, 'made-with.json');
/** Share of pixels that may differ where the same browser and fonts drew both. */
const strictShare = 0.001;
/** Where other fonts drew one of them: how far the share of a colour, and the mean of a block of pixels, may move. */
const coarse = { share: 0.02, block: 48, blocks: 0.12 };

/** What decides how letters look: pictures made with the same are compared pixel by pixel. */
export interface MadeWith {
  browser: string;
  /** Widths of a sentence in the fonts of the pages. */
  fonts: string;
}

/** How two pictures differ. Shares are of all pixels or of all blocks. */
export interface Difference {
  sameSize: boolean;
  pixels: number;
  blocks: number;
  /** Those colours that cover another share of the picture. */
  colours: string[];
}

export async function madeWith(browser: Browser, page: Page): Promise<MadeWith> {
  const fonts = await page.evaluate(() => {
    const context = document.createElement('canvas').getContext('2d')!;
    return ['sans-serif', 'monospace'].map((font) => {
      context.font = `13px ${font}`;
      return context.measureText('Quick wafting zephyrs vex bold Jim: 0123456789.').width.toFixed(3);
    });
  });
  return { browser: browser.version(), fonts: fonts.join(' ') };
}

/** Whether kept pictures are to be replaced by those of this run: BIPHASE_RENEW_PICTURES=1. */
export const renewing = process.env.BIPHASE_RENEW_PICTURES === '1';

/**
 * Compares a page with the kept picture of that name; returns what is wrong, or undefined. `tool` is a page that may run
 * anything. The new picture lies in test-results/screenshots/.
 */
export async function comparePicture(
  page: Page,
  tool: Page,
  name: string,
  now: MadeWith,
): Promise<string | undefined> {
  const file = path.join(screenshots, `picture-${name}.png`);
  const bytes = await settled(page);
  fs.writeFileSync(file, bytes);
  const kept = path.join(folder, `${name}.png`);
  if (renewing) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(kept, bytes);
    fs.writeFileSync(madeWithFile, `${JSON.stringify(now, null, 2)}\n`);
    return undefined;
  }
  if (!fs.existsSync(kept)) return `no picture is kept of ${name}`;
  const then = JSON.parse(fs.readFileSync(madeWithFile, 'utf8')) as MadeWith;
  const strict = then.browser === now.browser && then.fonts === now.fonts;
  const found = await difference(tool, fs.readFileSync(kept), bytes);
  const alike = strict
    ? found.sameSize && found.pixels <= strictShare
    : found.sameSize && found.blocks <= coarse.blocks && found.colours.length === 0;
  return alike ? undefined : `${name} differs (${JSON.stringify(found)}): see ${file} beside ${kept}`;
}

/** The picture of a page once two in a row are the same. */
async function settled(page: Page): Promise<Buffer> {
  for (let before = Buffer.alloc(0); ; ) {
    const bytes = await page.screenshot({ animations: 'disabled', caret: 'hide' });
    if (bytes.equals(before)) return bytes;
    before = bytes;
  }
}

/** Compares two PNG files in a page. */
export function difference(tool: Page, before: Buffer, after: Buffer): Promise<Difference> {
  return tool.evaluate(
    async ([one, other, limits]) => {
      const read = async (base64: string): Promise<ImageData> => {
        const image = new Image();
        image.src = `data:image/png;base64,${base64}`;
        await image.decode();
        const canvas = document.createElement('canvas');
        canvas.width = image.width;
        canvas.height = image.height;
        const context = canvas.getContext('2d')!;
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height);
      };
      const [a, b] = [await read(one), await read(other)];
      if (a.width !== b.width || a.height !== b.height)
        return { sameSize: false, pixels: 1, blocks: 1, colours: [] };
      const { width, height } = a;
      const across = Math.ceil(width / limits.block);
      const sums = new Float64Array(across * Math.ceil(height / limits.block) * 3);
      const counts = [new Map<number, number>(), new Map<number, number>()];
      let pixels = 0;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const i = 4 * (y * width + x);
          const block = 3 * (Math.floor(y / limits.block) * across + Math.floor(x / limits.block));
          let apart = 0;
          for (let c = 0; c < 3; c++) {
            const by = b.data[i + c]! - a.data[i + c]!;
            apart = Math.max(apart, Math.abs(by));
            sums[block + c]! += by;
          }
          if (apart > 24) pixels++;
          for (const [picture, { data }] of [a, b].entries()) {
            const colour = (data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!;
            counts[picture]!.set(colour, (counts[picture]!.get(colour) ?? 0) + 1);
          }
        }
      const all = width * height;
      let blocks = 0;
      for (let block = 0; block < sums.length; block += 3)
        if (Math.max(...[0, 1, 2].map((c) => Math.abs(sums[block + c]!))) > 24 * limits.block ** 2) blocks++;
      const colours = [...new Set([...counts[0]!.keys(), ...counts[1]!.keys()])].filter(
        (colour) =>
          Math.abs((counts[0]!.get(colour) ?? 0) - (counts[1]!.get(colour) ?? 0)) / all > limits.share,
      );
      return {
        sameSize: true,
        pixels: pixels / all,
        blocks: blocks / (sums.length / 3),
        colours: colours.map((colour) => `#${colour.toString(16).padStart(6, '0')}`),
      };
    },
    [before.toString('base64'), after.toString('base64'), coarse] as const,
  );
}
