// Second half of `npm start`: the workbench with the package installed, example runs started through the palette, their
// curves read from the chart's pixels. Arguments: port (0 = any free one), --once, --text FOLDER: the paper's four
// setups on the English prose of a documentation folder, instead of three runs on the built-in world.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { curvePixels, legendRuns } from '../test/support/chartPixels.ts';
import {
  openBrowser,
  openWorkbench,
  palette,
  screenshot,
  webviewFrame,
} from '../test/support/workbenchPage.ts';
import { installVsix, presetSettings, WorkbenchServer } from '../test/support/workbenchServer.ts';
import { type SetupsOnText, setupsOnText } from './lib/setupsOnText.ts';

const root = path.dirname(import.meta.dirname);
const once = process.argv.includes('--once');
const textAt = process.argv.indexOf('--text');
const documentation = textAt === -1 ? undefined : process.argv[textAt + 1];
const examples = ['clm.run.yaml', 'mlm.run.yaml', 'clm-then-mlm.run.yaml'];
/** A curve counts as drawn from so many pixels of its colour on. */
const drawnPixels = 30;
const ended = new Set(['finished', 'stopped', 'failed', 'lost', 'preempted']);
/** The slowest machine we know takes a fifth of this. */
const runsMustEndWithin = 20 * 60_000;

const started = performance.now();
const say = (line: string): void => console.log(line);
const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(0)} s`;

const cache = path.join(root, '.cache/start');
const editor = path.join(cache, 'editor');
const runningFile = path.join(cache, 'running.json');
// Sockets need short paths, and the browser's profile is of no use afterwards.
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-start-'));

/** The caller's environment without what an editor's terminal adds to it. */
function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VSCODE|ELECTRON)_/.test(name));
  return { ...(Object.fromEntries(kept) as Record<string, string>), XDG_RUNTIME_DIR: temporary };
}

/** Opens the person's own browser where there is a desktop. */
function openDesktopBrowser(address: string): boolean {
  const opener = process.env.BIPHASE_BROWSER_OPENER;
  if (once || !opener) return false;
  spawn(opener, [address], { detached: true, stdio: 'ignore' })
    .once('error', () => {})
    .unref();
  return true;
}

/** Opens a file of the workspace by name, with keys alone. */
async function openFile(page: Page, name: string): Promise<void> {
  const row = page.locator('.quick-input-list .monaco-list-row.focused', { hasText: name });
  // The list of files does not grow while it is open: a file that was just written may need a second look.
  for (let attempt = 0; ; attempt++) {
    await page.keyboard.press('ControlOrMeta+P');
    await page.locator('.quick-input-widget .quick-input-box input').fill(name);
    const found = await row.waitFor({ timeout: 5_000 }).then(
      () => true,
      () => false,
    );
    if (found) break;
    if (attempt === 5) throw new Error(`The workspace has no file ${name}.`);
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('Enter');
  await page.locator('.tab.active', { hasText: name }).waitFor();
}

/** Launches files of the workspace with keys alone; `before`: runs that are on show already. */
async function launchFiles(page: Page, files: readonly string[], before = 0): Promise<Frame> {
  for (const [index, file] of files.entries()) {
    await openFile(page, file);
    await palette(page, 'Biphase: Launch from File');
    const curves = await webviewFrame(page, '.legend li');
    await curves
      .locator('.legend li')
      .nth(before + index)
      .waitFor();
    say(`started ${file} (${seconds()})`);
  }
  return webviewFrame(page, '.legend li');
}

/** The fourth setup: goes on from the CLM run when that has ended. */
async function launchContinued(page: Page, curves: Frame, setups: SetupsOnText): Promise<Frame> {
  for (;;) {
    const clm = (await legendRuns(curves)).find(({ name }) => /^micro-clm-\d+$/.test(name));
    if (clm?.state === 'finished') return launchFiles(page, [setups.continued(clm.run)], setups.files.length);
    if (clm && ended.has(clm.state)) throw new Error(`The CLM run is ${clm.state}.`);
    await curves.waitForTimeout(500);
  }
}

/** Waits until `wanted` runs have a curve on the canvas. */
async function curvesDrawn(curves: Frame, wanted: number): Promise<number> {
  const deadline = Date.now() + 180_000;
  for (;;) {
    const drawn = (await curvePixels(curves)).filter((curve) => curve.pixels >= drawnPixels);
    if (drawn.length >= wanted) return drawn.length;
    if (Date.now() > deadline)
      throw new Error(`Only ${drawn.length} of ${wanted} curves are drawn after three minutes.`);
    await curves.waitForTimeout(250);
  }
}

/** Waits until no run goes on; true when all of them finished. */
async function runsEnded(curves: Frame): Promise<boolean> {
  const deadline = Date.now() + runsMustEndWithin;
  for (;;) {
    const runs = await legendRuns(curves);
    if (runs.length > 0 && runs.every((run) => ended.has(run.state))) {
      for (const { name, state } of runs) say(`${name}: ${state} (${seconds()})`);
      return runs.every((run) => run.state === 'finished');
    }
    if (Date.now() > deadline) throw new Error('The runs did not end within 20 minutes.');
    await curves.waitForTimeout(1000);
  }
}

async function main(): Promise<number> {
  const environment = cleanEnvironment();
  const { name, version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  fs.mkdirSync(path.join(editor, 'extensions'), { recursive: true });
  presetSettings(path.join(editor, 'user'));
  const options = {
    folder: editor,
    environment,
    port: Number(process.argv[2]),
    token: randomBytes(16).toString('hex'),
  };
  installVsix(path.join(root, `${name}-${version}.vsix`), options);
  const server = await WorkbenchServer.start(options);
  const setups = documentation && setupsOnText(documentation, path.join(cache, 'setups'));
  const address = server.address(setups ? setups.folder : path.join(root, 'examples'));
  fs.writeFileSync(runningFile, JSON.stringify({ pid: process.pid, port: server.port, address }), {
    mode: 0o600,
  });
  say(`\nBiphase is at ${address}\n`);

  const stopped = Promise.withResolvers<'stopped'>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stopped.resolve('stopped'));
  const browser = await openBrowser(path.join(temporary, 'browser'), environment);
  let page: Page | undefined;
  const show = async (): Promise<number> => {
    page = await openWorkbench(browser, address);
    const files = setups ? setups.files : examples;
    let curves = await launchFiles(page, files);
    let drawn = await curvesDrawn(curves, files.length);
    if (setups) {
      say(`${drawn} curves are live; the CLM run is continued when it ends (${seconds()})`);
      curves = await launchContinued(page, curves, setups);
      drawn = await curvesDrawn(curves, files.length + 1);
    }
    const picture = await screenshot(page, 'start');
    say(`ready: ${drawn} curves (${seconds()})\nscreenshot: ${path.relative(root, picture)}`);
    if (once) {
      const finished = await runsEnded(curves);
      await screenshot(page, 'start-ended');
      return finished ? 0 : 1;
    }
    if (openDesktopBrowser(address)) {
      await page.close();
      say('Opened in your browser.');
    }
    say(
      `Open ${address}\nand press F1, Biphase: Show Curves. Ctrl+C ends the workbench; runs go on without it.`,
    );
    await Promise.race([stopped.promise, server.ending]);
    return 0;
  };
  try {
    const result = await Promise.race([show(), stopped.promise]);
    return result === 'stopped' ? 0 : result;
  } catch (error) {
    const picture =
      page && !page.isClosed() ? await screenshot(page, 'start-failed').catch(() => undefined) : undefined;
    say(
      `${error instanceof Error ? error.message : String(error)}${picture ? ` See ${path.relative(root, picture)}.` : ''}`,
    );
    return 1;
  } finally {
    await browser.close().catch(() => {});
    await server.stop();
  }
}

try {
  process.exitCode = await main();
} finally {
  fs.rmSync(runningFile, { force: true });
  fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
process.exit();
