import fs from 'node:fs';
import path from 'node:path';
import type { BrowserContext, Frame, Locator, Page } from 'playwright-core';
import { requireFromWorkbench } from './workbenchServer.ts';

const { chromium } = requireFromWorkbench('playwright-core') as typeof import('playwright-core');

/** How long a workbench may take for one reaction on a busy two-core machine. */
export const patience = 60_000;

/**
 * Starts headless Chromium with its profile in `folder`; pages opened in it share secrets and layout. Screenshots have
 * `pixelRatio` pixels a CSS pixel.
 */
export async function openBrowser(
  folder: string,
  environment: Record<string, string>,
  pixelRatio = 1,
): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.BIPHASE_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    // Who started the browser cleans up on a signal: the driver would end this process before that.
    ...{ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false },
    viewport: { width: 1400, height: 900 },
    deviceScaleFactor: pixelRatio,
    env: environment,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  context.setDefaultTimeout(patience);
  return context;
}

/** Opens the workbench and waits until it takes keys. */
export async function openWorkbench(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await workbenchReady(page);
  return page;
}

/** Waits until the workbench is drawn and connected. */
export async function workbenchReady(page: Page): Promise<void> {
  await page.locator('.monaco-workbench').waitFor();
  await page.locator('.part.statusbar .statusbar-item').first().waitFor();
  await page.locator('.part.activitybar .action-item').first().waitFor();
}

/**
 * Loads the window again with its own command, which keeps the layout as it is at that moment. The browser's reload does
 * not: the workbench keeps it every few seconds, so what was opened just before would be gone.
 */
export async function reloadWindow(page: Page): Promise<void> {
  const loaded = page.waitForEvent('domcontentloaded');
  await palette(page, 'Developer: Reload Window');
  await loaded;
  await workbenchReady(page);
}

/** Cuts the page off and loads it again, as a browser's own reload does. */
export async function reload(page: Page): Promise<void> {
  await page.reload();
  await workbenchReady(page);
}

/** Waits until what the browser keeps of a window's editors fits: that is what a window opened anew restores. */
export async function untilLayoutKept(page: Page, fits: RegExp): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await keptLayouts(page)).some((layout) => fits.test(layout))) {
    if (Date.now() > deadline) throw new Error(`The browser keeps no layout that fits ${fits}.`);
    await page.waitForTimeout(500);
  }
}

function keptLayouts(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const resultOf = (request: IDBRequest): Promise<unknown> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const layouts: string[] = [];
    for (const { name } of await indexedDB.databases()) {
      if (!name?.startsWith('vscode-web-state-db')) continue;
      const database = (await resultOf(indexedDB.open(name))) as IDBDatabase;
      const store = database.transaction('ItemTable').objectStore('ItemTable');
      const layout = await resultOf(store.get('memento/workbench.parts.editor'));
      if (typeof layout === 'string') layouts.push(layout);
      database.close();
    }
    return layouts;
  });
}

const widget = '.quick-input-widget';
const row = `${widget} .quick-input-list .monaco-list-row`;

/** Chooses a command by its full title in the palette, with keys alone. */
export async function palette(page: Page, title: string): Promise<void> {
  const deadline = Date.now() + patience;
  const input = page.locator(`${widget} .quick-input-box input`);
  // Right after a load key bindings may be missing, and the list of commands does not grow while it is open.
  for (;;) {
    await page.keyboard.press('F1');
    const opened = await input.waitFor({ timeout: 3_000 }).then(
      () => true,
      () => false,
    );
    // A panel that takes the focus at this moment closes the palette again: then it is opened once more.
    const filled =
      opened &&
      (await input.fill(`>${title}`, { timeout: 2_000 }).then(
        () => true,
        () => false,
      ));
    if (filled && (await chooseRow(page, title, Math.min(3_000, deadline - Date.now())))) return;
    if (Date.now() > deadline)
      throw new Error(`The palette has no "${title}"; it shows: ${(await shownRows(page)).join(' | ')}`);
    await page.keyboard.press('Escape');
  }
}

/** A command, then a row of its pick; both once more where a page that was just drawn took the focus, which closes a pick. */
export async function paletteAndPick(page: Page, title: string, label: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    await palette(page, title);
    try {
      await pick(page, label, 5_000);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
      await page.keyboard.press('Escape');
    }
  }
}

/** Chooses a row of the open quick pick by the beginning of its label, with it as filter. */
export async function pick(page: Page, label: string, timeout = patience): Promise<void> {
  await page.locator(row).first().waitFor({ timeout });
  // Not through the keyboard: a page that takes the focus at this moment would read the letters as its own keys.
  await page.locator(`${widget} .quick-input-box input`).fill(label, { timeout });
  if (!(await chooseRow(page, label, timeout)))
    throw new Error(`No row "${label}" in the quick pick; it shows: ${(await shownRows(page)).join(' | ')}`);
}

/** Rows of the open quick pick, as a screen reader says them. */
export async function quickPickRows(page: Page): Promise<string[]> {
  await page.locator(row).first().waitFor();
  return shownRows(page);
}

function shownRows(page: Page): Promise<string[]> {
  return page.locator(row).evaluateAll((all) => all.map((one) => one.getAttribute('aria-label') ?? ''));
}

/** Answers the open input box. */
export async function answer(page: Page, text: string): Promise<void> {
  // Until then the box is that of the pick before, which would take the text as its filter.
  await page.locator(`${widget} .quick-input-list`).waitFor({ state: 'hidden' });
  const input = page.locator(`${widget} .quick-input-box input`);
  await input.waitFor();
  await input.fill(text);
  await page.keyboard.press('Enter');
}

/** Takes what the open box suggests, with Enter until its question is gone. */
export async function untilAnswered(page: Page, question: Locator): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline && (await question.isVisible()); ) {
    await page
      .locator(`${widget} .quick-input-box input`)
      .press('Enter', { timeout: 2_000 })
      .catch(() => {});
    await question.waitFor({ state: 'hidden', timeout: 3_000 }).catch(() => {});
  }
}

/** Moves to the row whose label begins with `label` and takes it; false when there is none within `timeout` ms. */
async function chooseRow(page: Page, label: string, timeout: number): Promise<boolean> {
  const deadline = Date.now() + timeout;
  const wanted = (text: string): boolean => text.replace(/^\$\([^)]*\)\s*/, '').startsWith(label);
  while (Date.now() < deadline) {
    if (!(await shownRows(page)).some(wanted)) {
      await page.waitForTimeout(50);
      continue;
    }
    const focused = await page
      .locator(`${row}.focused`)
      .first()
      .getAttribute('aria-label', { timeout: 500 })
      .catch(() => null);
    if (focused !== null && wanted(focused)) {
      await page.keyboard.press('Enter');
      return true;
    }
    await page.keyboard.press('ArrowDown');
  }
  return false;
}

/** The inner frame of the webview that shows `selector`: the page as its author wrote it. */
export async function webviewFrame(page: Page, selector: string, timeout = patience): Promise<Frame> {
  const deadline = Date.now() + timeout;
  while (Date.now() < deadline) {
    for (const frame of page.frames()) {
      if (frame === page.mainFrame()) continue;
      const visible = await frame
        .locator(selector)
        .first()
        .isVisible()
        .catch(() => false);
      if (visible) return frame;
    }
    await page.waitForTimeout(100);
  }
  throw new Error(`No webview shows ${selector}.`);
}

/** Text of the notifications on show. */
export async function notifications(page: Page): Promise<string[]> {
  return page.locator('.notification-list-item-message').allInnerTexts();
}

/** Waits for a message of the window. */
export async function untilNotified(page: Page, text: string | RegExp): Promise<void> {
  await page.locator('.notification-list-item-message', { hasText: text }).first().waitFor();
}

/** Saves what the window shows as test-results/screenshots/<name>.png and returns the file's path. */
export async function screenshot(page: Page, name: string, folder?: string): Promise<string> {
  const file = path.join(
    folder ?? path.resolve(import.meta.dirname, '../../test-results/screenshots'),
    `${name}.png`,
  );
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  return file;
}
