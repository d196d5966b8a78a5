// Renews the README's pictures, docs/images/*.png, from the packaged extension in a real workbench, with real runs:
//   npm run build && node_modules/.bin/node scripts/pictures.ts [--runs FOLDER]
// The four setups of the paper are trained on this computer, three seeds each; a few minutes. Their run directories are kept
// in FOLDER, .cache/pictures/runs by default: while it is there only the pictures are made. Delete it to train again.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Frame, Page } from 'playwright-core';
import { type ControlClient, connectControl } from '../src/control/client/controlClient.ts';
import { startWorkbench, type Workbench } from '../test/support/workbenchBrowser.ts';
import { palette, paletteAndPick, pick, screenshot, webviewFrame } from '../test/support/workbenchPage.ts';
import { makeExampleRuns, takeExampleRuns } from './lib/exampleRuns.ts';

const checkout = path.dirname(import.meta.dirname);
const images = path.join(checkout, 'docs/images');
const { values } = parseArgs({ options: { runs: { type: 'string' } } });
const kept = path.resolve(values.runs ?? path.join(checkout, '.cache/pictures/runs'));
/** Largest size of a picture, in bytes: they are part of every clone. */
const largest = 250_000;

/** Less of the workbench's own around what a picture is about. */
const settings = {
  'window.commandCenter': false,
  'workbench.layoutControl.enabled': false,
  'workbench.editor.editorActionsLocation': 'hidden',
  'workbench.list.smoothScrolling': false,
};

/** Takes a picture of `selector`, at most `height` CSS pixels of it from the top. */
async function picture(page: Page, name: string, selector: string, height: number): Promise<void> {
  await palette(page, 'Notifications: Clear All Notifications');
  await page.mouse.move(1, 1);
  // Animations of the workbench and the last frame of a chart.
  await page.waitForTimeout(1000);
  const box = await page.locator(selector).first().boundingBox();
  if (!box) throw new Error(`There is no ${selector} to take ${name} of.`);
  const file = path.join(images, `${name}.png`);
  await page.screenshot({
    path: file,
    clip: { x: box.x, y: box.y, width: box.width, height: Math.min(box.height, height) },
  });
  const { size } = fs.statSync(file);
  console.log(`${path.relative(checkout, file)}: ${(size / 1000).toFixed(0)} kB`);
  if (size > largest) throw new Error(`${name}.png has more than ${largest / 1000} kB.`);
}

/** The window starts control; then scripts can ask it. */
async function connect(workbench: Workbench, page: Page): Promise<ControlClient> {
  await palette(page, 'Biphase: Focus on Runs View');
  await page.locator('.monaco-list-row', { hasText: 'this computer' }).first().waitFor();
  return connectControl({
    stateFolder: path.join(workbench.person.home, '.local/state/biphase'),
    controlFile: '/nowhere/control.mjs',
    execPath: process.execPath,
    client: 'window',
    trusted: () => false,
    version: '0.1.0',
  });
}

/** Drags the right edge of the side bar. */
async function widenSideBar(page: Page, width: number): Promise<void> {
  const box = await page.locator('.part.sidebar').boundingBox();
  if (!box) throw new Error('There is no side bar.');
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width, y);
  await page.mouse.down();
  await page.mouse.move(box.x + width, y, { steps: 10 });
  await page.mouse.up();
}

async function runsPicture(page: Page): Promise<void> {
  await page.setViewportSize({ width: 1000, height: 560 });
  await palette(page, 'Biphase: Focus on Runs View');
  await paletteAndPick(page, 'Biphase: Group Runs By…', 'Setup');
  const row = (label: string, level: number) =>
    page.locator(`.monaco-list-row[aria-level="${level}"][aria-label^=${JSON.stringify(label)}]`);
  await row('micro-clm-dec500-mlm40-750, n =', 1).waitFor();
  await widenSideBar(page, 560);
  await page.locator('.pane-header', { hasText: 'Nodes' }).click();
  for (const opened of [
    row('micro-clm-200-mlm40-500, n =', 1),
    row('micro-clm-500, n =', 1),
    row('micro-clm-500, finished', 2).last(),
    row('checkpoint of step 500', 3),
  ])
    await opened.locator('.monaco-tl-twistie').click();
  // The run that goes on from there.
  await row('micro-clm-dec500-mlm40-750', 4).waitFor();
  await picture(page, 'runs', '.part.sidebar', 400);
}

async function comparePicture(page: Page): Promise<Frame> {
  await page.setViewportSize({ width: 1420, height: 860 });
  await palette(page, 'View: Close Primary Side Bar');
  await palette(page, 'Biphase: Compare Runs…');
  await page.locator('.quick-input-title', { hasText: 'Which runs to compare?' }).waitFor();
  await page.locator('.quick-input-widget .quick-input-header .monaco-checkbox').first().click();
  await page.keyboard.press('Enter');
  const frame = await webviewFrame(page, '.comparison .column-head');
  await frame.locator('.overlay-panel .note', { hasText: / of [\d,]+ points/ }).waitFor();
  await frame
    .locator('.column-head', { hasText: 'micro-mlm40-500' })
    .locator('button, vscode-button', { hasText: 'Pin' })
    .click();
  await frame.locator('.overlay-panel h2', { hasText: 'difference to' }).waitFor();
  // The best by what the setups are compared for comes first.
  await frame.locator('.comparison .row-head', { hasText: 'validation loss, mlm, final' }).click();
  await frame.evaluate(() => {
    for (const element of document.querySelectorAll('*')) element.scrollLeft = 0;
  });
  // All four setups, not three and a faint curve.
  await frame.locator('.comparison .column-head').nth(3).waitFor();
  await picture(page, 'compare', '.part.editor', 860);
  return frame;
}

async function curvesPicture(page: Page, compare: Frame): Promise<void> {
  await compare.locator('vscode-button', { hasText: 'Show Curves' }).click();
  await page.locator('.tab', { hasText: 'Curves' }).click();
  await palette(page, 'View: Close Editors in Other Groups');
  await page.locator('.tab', { hasText: 'Compare' }).waitFor({ state: 'detached' });
  await page.setViewportSize({ width: 1060, height: 1000 });
  const curves = await webviewFrame(page, '.panel.big .chart:not(.blank) canvas[data-metric]');
  await curves.locator('.panel.big .chart').focus();
  await page.keyboard.press('g');
  await curves.locator('text=mean of micro-mlm40-500').first().waitFor();
  await curves.evaluate(() => {
    for (const element of document.querySelectorAll('*')) element.scrollTop = 0;
  });
  await picture(page, 'curves', '.part.editor', 836);
}

async function checkPicture(page: Page): Promise<void> {
  await palette(page, 'View: Close All Editors');
  await page.setViewportSize({ width: 860, height: 940 });
  await palette(page, 'Biphase: Launch Run…');
  for (const [index, label] of ['CLM → MLM', 'micro', 'Built-in world', 'this computer'].entries()) {
    await page.locator('.quick-input-title', { hasText: `(${index + 1}/4)` }).waitFor();
    await pick(page, label);
  }
  const check = await webviewFrame(page, 'text=What differs from the last run');
  await check.locator('text=It fits').waitFor();
  await picture(page, 'check', '.part.editor', 940);
}

const workbench = await startWorkbench({ settings, pixelRatio: 1.3 });
let client: ControlClient | undefined;
let page: Page | undefined;
try {
  const root = path.join(workbench.person.home, '.biphase');
  const there = takeExampleRuns(root, kept);
  page = await workbench.open();
  client = await connect(workbench, page);
  if (there) await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
  else await makeExampleRuns(client, root, kept);
  await runsPicture(page);
  const compare = await comparePicture(page);
  await curvesPicture(page, compare);
  await checkPicture(page);
} catch (error) {
  if (page) console.error(`See ${path.relative(checkout, await screenshot(page, 'pictures-failed'))}.`);
  throw error;
} finally {
  client?.dispose();
  await workbench.close();
}
