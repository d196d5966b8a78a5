#!/usr/bin/env node
// Makes a fresh machine ready for `npm start` and `npm test`. Runs under Node 20 before anything is installed,
// so it uses Node alone. By itself: node scripts/preflight.mjs start|test
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Plain, runMain } from './lib/fail.mjs';
import { ensurePackages, ensureWorkbench } from './lib/npmPackages.mjs';
import { checkoutNode, root, toolEnvironment } from './lib/paths.mjs';
import { ensureSystemPackages, findChromium } from './lib/systemPackages.mjs';

/**
 * Checks and installs everything that `purpose` ('start' or 'test') needs, then builds dist/.
 * Cheap when all is there. Throws a Plain error with one sentence where it cannot.
 * @returns environment for the checkout's programs
 */
export async function preflight(purpose, say) {
  if (Number(process.versions.node.split('.')[0]) < 20)
    throw new Plain(
      `Node 20 or newer is needed; this is ${process.version}. Install one from https://nodejs.org or your system's packages.`,
    );
  if (process.platform === 'win32')
    throw new Plain(
      'These commands drive a Linux or macOS workbench: run them in WSL. The extension itself installs on Windows.',
    );
  ensureSystemPackages(purpose, say);
  await ensurePackages(say);
  await ensureWorkbench(say);
  build(say);
  return toolEnvironment({ BIPHASE_CHROMIUM: findChromium() });
}

/** Builds dist/ with the checkout's Node. */
export function build(say) {
  say('Building …');
  const built = spawnSync(checkoutNode(), [path.join(root, 'scripts/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (built.status !== 0) throw new Plain('The build failed; its messages are above.');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await runMain(async () => {
    await preflight(process.argv[2] === 'test' ? 'test' : 'start', (line) => console.error(line));
  });
