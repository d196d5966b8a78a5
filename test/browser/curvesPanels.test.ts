import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame, Locator, Page } from 'playwright-core';
import { ownIdentity, thisMachine } from '../../src/agent/processTable.ts';
import { type ControlClient, connectControl } from '../../src/control/client/controlClient.ts';
import { saveAs } from '../support/fileDialog.ts';
import { addCurves, type CurveLine, untilStored, writeCurves } from '../support/recordedCurves.ts';
import { writeRunFolder } from '../support/runFolder.ts';
import { until } from '../support/until.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import {
  palette,
  paletteAndPick,
  patience,
  reloadWindow,
  screenshot,
  untilLayoutKept,
  untilNotified,
} from '../support/workbenchPage.ts';

let workbench: Workbench;
let page: Page;
let client: ControlClient;

before(async () => {
  workbench = await startWorkbench();
  // A run that was recorded: what is drawn does not wait for a trainer.
  const folder = path.join(workbench.person.home, 'recorded');
  writeCurves(folder, 'recorded', linesOf(1, 400));
  client = await connectControl({
    stateFolder: path.join(workbench.person.home, '.local/state/biphase'),
    controlFile: path.resolve(import.meta.dirname, '../../dist/control.mjs'),
    execPath: process.execPath,
    client: 'cli',
    trusted: () => true,
    version: '0.1.0',
    environment: workbench.person.environment,
  });
  await client.call('importRuns', { transfer: 'recorded', paths: [folder], steps: {} });
  page = await workbench.open();
  await palette(page, 'Biphase: Show Curves');
  await curvesFrames(1);
});
after(async () => {
  client?.dispose();
  await workbench?.close();
});

function linesOf(from: number, to: number): CurveLine[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    segment: 0,
    step: from + i,
    metrics: { loss: 2 + 4 * Math.exp(-(from + i) / 80) },
  }));
}

/** Resolves to the frames of the curves pages on show, once there are so many, each with its run drawn. */
async function curvesFrames(count: number): Promise<Frame[]> {
  const deadline = Date.now() + patience;
  for (;;) {
    const frames: Frame[] = [];
    for (const frame of page.frames()) {
      if (frame === page.mainFrame()) continue;
      const drawn = await frame
        .locator('.panel.big .chart:not(.blank) canvas[data-metric]')
        .isVisible()
        .catch(() => false);
      if (drawn) frames.push(frame);
    }
    if (frames.length === count) return frames;
    assert.ok(Date.now() < deadline, `${frames.length} of ${count} curves pages`);
    await page.waitForTimeout(200);
  }
}

/** Its checkbox, where the page has a logarithmic y axis. */
function logarithmic(frame: Frame): Locator {
  return frame.locator('vscode-checkbox[aria-checked=true]', { hasText: 'log y' });
}

test('a second curves panel in another column follows the cursor and range of the first', async () => {
  await palette(page, 'Biphase: Open Curves in New Panel');
  const [first, second] = (await curvesFrames(2)) as [Frame, Frame];
  // Each key with the focus where it belongs: the second page may take it while it loads.
  const chart = first.locator('.panel.big .chart');
  await chart.press('Home');
  await chart.press('ArrowRight');
  await second.locator('.panel.big .overlay line').waitFor({ state: 'attached' });
  await chart.press('+');
  await second.locator('vscode-button', { hasText: 'Whole run' }).waitFor();
  await screenshot(page, 'curves-two-panels');
});

test('both panels come back after a reload with the range that they had', async () => {
  await reloadWindow(page);
  for (const frame of await curvesFrames(2))
    await frame.locator('vscode-button', { hasText: 'Whole run' }).waitFor();
});

test('both panels come back in a window that is opened anew, each as it was left', async () => {
  const [first, second] = (await curvesFrames(2)) as [Frame, Frame];
  await second.locator('vscode-button', { hasText: 'Whole run' }).click();
  await first.locator('vscode-button', { hasText: 'Whole run' }).waitFor({ state: 'hidden' });
  await second.locator('.panel.big .chart').press('l');
  await logarithmic(second).waitFor();
  await untilLayoutKept(page, /logY\W+true/);
  await page.close();
  page = await workbench.open();
  const frames = await curvesFrames(2);
  const one = await Promise.any(
    frames.map((frame) =>
      logarithmic(frame)
        .waitFor()
        .then(() => frame),
    ),
  );
  for (const frame of frames) assert.equal(await logarithmic(frame).count(), frame === one ? 1 : 0);
  for (const frame of frames)
    assert.equal(await frame.locator('vscode-button', { hasText: 'Whole run' }).isVisible(), false);
});

test('a covered panel is shown again with its view and every point that came meanwhile, then follows', async () => {
  const run = '20260104-atworkaa';
  const folder = writeRunFolder(path.join(workbench.person.home, '.biphase'), run, {
    name: 'at work',
    state: 'running',
    machine: { host: thisMachine.host, bootId: thisMachine.bootId },
    process: ownIdentity(thisMachine),
  });
  addCurves(folder, linesOf(1, 300));
  await palette(page, 'View: Close All Editors');
  await curvesFrames(0);
  await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
  await untilStored(client, run, 'loss', 300);
  await palette(page, 'Biphase: Show Curves');
  let [frame] = (await curvesFrames(1)) as [Frame];
  await pointsNote(frame, '300 of 300 points');
  const chart = frame.locator('.panel.big .chart');
  await chart.press('Home');
  await chart.press('+');
  await wholeRun(frame).waitFor();
  await pointsNote(frame, /^\d\d+ of 300 points$/);
  await palette(page, 'File: New Untitled Text File');
  await curvesFrames(0);
  addCurves(folder, linesOf(301, 450));
  await untilStored(client, run, 'loss', 450);
  await palette(page, 'View: Close Editor');
  [frame] = (await curvesFrames(1)) as [Frame];
  await wholeRun(frame).waitFor();
  await wholeRun(frame).click();
  await pointsNote(frame, '450 of 450 points');
  addCurves(folder, linesOf(451, 460));
  await pointsNote(frame, '460 of 460 points');
});

function wholeRun(frame: Frame): Locator {
  return frame.locator('vscode-button', { hasText: 'Whole run' });
}

async function pointsNote(frame: Frame, text: string | RegExp): Promise<void> {
  await frame.locator('.panel.big .note', { hasText: text }).waitFor();
}

test('charts are saved as PNG and SVG, and their points as CSV, where the person says', async () => {
  const folder = path.join(workbench.folder, 'saved');
  fs.mkdirSync(path.join(folder, 'there'), { recursive: true });
  const [frame] = (await curvesFrames(1)) as [Frame];
  /** `end`: how a whole file ends. */
  const save = async (label: string, title: string, name: string, end: string): Promise<Buffer> => {
    await frame.locator('.pop-up summary', { hasText: 'Export' }).click();
    await frame.getByRole('button', { name: label }).click();
    await page.locator('.quick-input-title', { hasText: title }).waitFor();
    await saveAs(page, `${folder}/`, 'there', name);
    const file = path.join(folder, name);
    return until(`saving ${name}`, () => {
      const bytes = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
      return bytes?.subarray(-10).includes(end) && bytes;
    });
  };
  const png = await save('PNG picture…', 'Export the charts', 'curves.png', 'IEND');
  assert.equal(png.toString('latin1', 0, 8), '\x89PNG\r\n\x1a\n');
  assert.ok(png.readUInt32BE(16) > 600 && png.readUInt32BE(20) > 300, 'two pixels a CSS pixel');
  const svg = (await save('SVG drawing…', 'Export the charts', 'curves.svg', '</svg>')).toString('utf8');
  const blank = await workbench.browser.newPage();
  const read = await blank.evaluate((text) => {
    const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
    return {
      root: parsed.documentElement.localName,
      errors: parsed.querySelectorAll('parsererror').length,
      words: [...parsed.querySelectorAll('text')].map((word) => word.textContent),
    };
  }, svg);
  await blank.close();
  assert.deepEqual([read.root, read.errors], ['svg', 0]);
  assert.ok(read.words.includes('at work'), read.words.join('; '));
  const csv = (await save('CSV, all points…', 'Export at work', 'curves.csv', '\n')).toString('utf8');
  await untilNotified(page, `460 points of at work are in ${folder}/curves.csv.`);
  const lines = csv.trimEnd().split('\n');
  assert.equal(lines[0], 'segment,step,tokens,time,elapsed,loss,learningRate,gradNorm,tokensPerSecond');
  assert.equal(lines.length, 461);
  assert.equal(lines[300], `0,300,30000,1700000300,75,${2 + 4 * Math.exp(-300 / 80)},,,`);
  assert.deepEqual(fs.readdirSync(folder).sort(), ['curves.csv', 'curves.png', 'curves.svg', 'there']);
});
