import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { fakeRun } from './fakeRuns.ts';
import { openCurves, three } from './openCurves.ts';
import { PageHost, screenshots } from './pageHost.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

/** The file that the page asked to save. */
async function exported(page: Page, label: string): Promise<{ name: string; bytes: Buffer }> {
  await page.locator('.pop-up summary', { hasText: 'Export' }).click();
  await page.getByRole('button', { name: label }).click();
  const found = await page.waitForFunction(() => {
    const all = (globalThis as unknown as { posted: { type: string; name: string; binary: ArrayBuffer }[] })
      .posted;
    const last = all.findLast((m) => m.type === 'savePicture');
    if (!last) return undefined;
    let text = '';
    for (const byte of new Uint8Array(last.binary)) text += String.fromCharCode(byte);
    return { name: last.name, base64: btoa(text) };
  });
  const { name, base64 } = (await found.jsonValue())!;
  return { name, bytes: Buffer.from(base64, 'base64') };
}

test('the SVG is a vector drawing with every curve, heading and name, and names stay text', async () => {
  const hostile = fakeRun(1, '<script>alert(1)</script> & "quoted"');
  const { page, problems } = await openCurves(host, {
    theme: 'light',
    runs: [hostile, three[1]!, three[2]!],
  });
  const { bytes, name } = await exported(page, 'SVG drawing…');
  assert.equal(name, hostile.name);
  const text = bytes.toString('utf8');
  fs.writeFileSync(path.join(screenshots, 'curves-export.svg'), text);
  const read = await page.evaluate((source) => {
    const parsed = new DOMParser().parseFromString(source, 'image/svg+xml');
    return {
      error: parsed.querySelector('parsererror')?.textContent ?? null,
      raster: parsed.querySelectorAll('image, foreignObject, script, canvas').length,
      words: [...parsed.querySelectorAll('text')].map((t) => t.textContent),
      long: [...parsed.querySelectorAll('path')].filter((p) => p.getAttribute('d')!.split('L').length > 500)
        .length,
    };
  }, text);
  assert.equal(read.error, null);
  assert.equal(read.raster, 0);
  for (const word of ['decay · 3 runs', 'Loss (nats)', 'Gradient norm', hostile.name, three[1]!.name])
    assert.ok(read.words.includes(word), `${word} in ${read.words.join('; ')}`);
  assert.ok(read.long >= 12, `a path for each of 3 runs in 4 charts: ${read.long}`);
  assert.deepEqual(problems, []);
  await page.close();
});

test('the PNG has a background, is sharp, and shows each run in its colour', async () => {
  for (const theme of ['dark', 'light'] as const) {
    const { page, problems } = await openCurves(host, { theme });
    const { bytes } = await exported(page, 'PNG picture…');
    fs.writeFileSync(path.join(screenshots, `curves-export-${theme}.png`), bytes);
    assert.equal(bytes.toString('latin1', 1, 4), 'PNG');
    assert.ok(bytes.readUInt32BE(16) >= 1700, 'two pixels a CSS pixel');
    const seen = await page.evaluate(async (base64) => {
      const image = new Image();
      image.src = `data:image/png;base64,${base64}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      const context = canvas.getContext('2d')!;
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const style = getComputedStyle(document.body);
      const wanted = [1, 2, 3].map((i) => style.getPropertyValue(`--series-${i}`).match(/\d+/g)!.map(Number));
      const counts = [0, 0, 0];
      let clear = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] !== 255) clear++;
        for (const [index, colour] of wanted.entries())
          if (colour.every((c, k) => Math.abs(c - data[i + k]!) < 8)) counts[index]!++;
      }
      return { counts, clear };
    }, bytes.toString('base64'));
    assert.equal(seen.clear, 0, 'no pixel is see-through');
    for (const count of seen.counts) assert.ok(count > 200, seen.counts.join());
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('CSV asks for all points of the visible runs and shown metrics', async () => {
  const { page, fake } = await openCurves(host, { state: { hidden: [three[2]!.run] } });
  await page.locator('.pop-up summary', { hasText: 'Export' }).click();
  await page.getByRole('button', { name: 'CSV, all points…' }).click();
  const last = (await fake.posted()).findLast((m) => m.type === 'exportCsv');
  assert.ok(last?.type === 'exportCsv');
  assert.deepEqual(last.runs, [three[0]!.run, three[1]!.run]);
  assert.deepEqual(last.metrics, [
    'loss',
    'validation/loss/mlm',
    'learningRate',
    'gradNorm',
    'tokensPerSecond',
  ]);
  await page.close();
});
