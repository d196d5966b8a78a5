#!/usr/bin/env node
// Packs the built extension into biphase-<version>.vsix, and refuses anything that does not run.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Plain, runMain } from './lib/fail.mjs';
import { checkoutNode, root } from './lib/paths.mjs';

const allowed = [
  /^package\.json$/,
  /^(README|readme)\.md$/,
  /^(CHANGELOG|changelog)\.md$/,
  /^LICENSE(\.txt)?$/,
  /^media\//,
  /^dist\//,
];

function vsce(...args) {
  const program = path.join(root, 'node_modules/@vscode/vsce/vsce');
  const done = spawnSync(checkoutNode(), [program, ...args], { cwd: root, encoding: 'utf8' });
  if (done.status !== 0) throw new Plain(`vsce ${args[0]} failed:\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

await runMain(() => {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  if (!fs.existsSync(path.join(root, 'dist/extension.cjs')))
    throw new Plain('Nothing is built yet: run `npm run build` first.');
  const files = vsce('ls', '--no-dependencies')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.includes(' '));
  const stray = files.filter((file) => !allowed.some((pattern) => pattern.test(file)));
  if (stray.length > 0)
    throw new Plain(
      `The package would hold files that do not run: ${stray.join(', ')}. Add them to .vscodeignore.`,
    );
  const out = path.join(root, `${name}-${version}.vsix`);
  vsce(
    'package',
    '--no-dependencies',
    '--skip-license',
    '--allow-missing-repository',
    '--no-rewrite-relative-links',
    '--out',
    out,
  );
  console.log(
    `${path.basename(out)}: ${(fs.statSync(out).size / 2 ** 20).toFixed(1)} MiB, ${files.length} files`,
  );
});
