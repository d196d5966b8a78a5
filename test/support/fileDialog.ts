import type { Locator, Page } from 'playwright-core';
import { patience } from './workbenchPage.ts';

/** Answers a dialog for a folder or file: it goes into a folder at its slash, and takes an answer when it shows what is there. */
export async function answerFileDialog(
  page: Page,
  place: string,
  shows: string,
  button: string,
): Promise<void> {
  await goTo(page, place, shows);
  await press(page, button);
}

/** Answers a dialog for where to save: in a folder (with its slash) that shows `shows`, under this name. */
export async function saveAs(page: Page, folder: string, shows: string, name: string): Promise<void> {
  await goTo(page, folder, shows);
  await input(page).fill(folder + name);
  await press(page, 'OK');
}

function input(page: Page): Locator {
  return page.locator('.quick-input-widget .quick-input-box input');
}

/** What is typed before the dialog has drawn its own beginning is lost, so it is typed again. */
async function goTo(page: Page, place: string, shows: string): Promise<void> {
  const row = page.locator(`.quick-input-list .monaco-list-row[aria-label^="${shows}"]`).first();
  for (const deadline = Date.now() + patience; Date.now() < deadline; ) {
    await input(page).fill('/');
    await input(page).fill(place);
    const shown = await row.waitFor({ timeout: 5_000 }).then(
      () => true,
      () => false,
    );
    if (shown) return;
  }
}

/** A dialog that is still reading a folder ignores its button, which is then pressed again. */
async function press(page: Page, button: string): Promise<void> {
  const title = page.locator('.quick-input-title');
  const dialog = page.locator('.quick-input-title', { hasText: await title.innerText() });
  for (const deadline = Date.now() + patience; Date.now() < deadline && (await dialog.isVisible()); ) {
    await page
      .locator('.quick-input-widget .monaco-button', { hasText: button })
      .focus({ timeout: 2_000 })
      .then(() => page.keyboard.press('Enter'))
      .catch(() => {});
    await dialog.waitFor({ state: 'hidden', timeout: 5_000 }).catch(() => {});
  }
}
