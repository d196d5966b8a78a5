import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Plain } from './fail.mjs';
import {
  checkoutNode,
  nodePackage,
  root,
  toolEnvironment,
  vscodeServer,
  which,
  workbench,
} from './paths.mjs';

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether a folder's node_modules holds what its lockfile says: npm writes down at the end what it installed. */
function installed(folder) {
  const wanted = readJson(path.join(folder, 'package-lock.json'))?.packages ?? {};
  const present = readJson(path.join(folder, 'node_modules/.package-lock.json'))?.packages;
  if (!present) return false;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '' || entry.link) return true;
    if (!present[name]) return entry.optional === true || entry.peer === true;
    return present[name].version === entry.version;
  });
}

/** Runs npm; its output is kept and shown only when it fails. */
async function npm(args, folder, extra = {}) {
  const npmProgram = which(process.platform === 'win32' ? 'npm.cmd' : 'npm');
  if (!npmProgram)
    throw new Plain('npm is missing: install it beside Node (https://nodejs.org), then run this again.');
  const child = spawn(npmProgram, [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    env: { ...process.env, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += bytes));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code === 0) return;
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ECONNRESET/.test(output))
    throw new Plain(
      'The package registry cannot be reached: is this machine offline? Connect it and run this again.',
    );
  if (/ENOSPC/.test(output)) throw new Plain('The disk is full: free about 1.5 GB and run this again.');
  throw new Plain(`npm ${args[0]} failed in ${path.relative(root, folder) || '.'}:\n${output.trim()}`);
}

/** The project's own packages, as the lockfile says. */
export async function ensurePackages(say) {
  if (!installed(root)) {
    say('Installing packages …');
    await npm(['ci', '--ignore-scripts'], root);
  }
  if (!checkoutNode())
    throw new Plain(
      `No Node 24 came for this platform (${nodePackage()}): run the commands on Linux or macOS, x64 or arm64.`,
    );
}

/**
 * VS Code's server and the browser driver in test/workbench. The server's own packages follow in a second step,
 * because the code-server package leaves them to an install script. A second call does nothing.
 */
export async function ensureWorkbench(say) {
  if (!installed(workbench)) {
    say('Installing the workbench: VS Code’s server, about 620 MB on disk …');
    await npm(['ci', '--ignore-scripts'], workbench);
  }
  // `npm ci` deletes the folder that this mark lies in, so the mark never outlives what it speaks of.
  const mark = path.join(vscodeServer, 'node_modules/.complete');
  if (!fs.existsSync(mark)) {
    await npm(['install', '--omit=dev', '--ignore-scripts'], vscodeServer);
    fs.writeFileSync(mark, '');
  }
  await ensureServerLogs(say);
}

/** The server writes its logs through a native module that is built here; without a compiler there are no logs. */
async function ensureServerLogs(say) {
  const folder = path.join(vscodeServer, 'node_modules/@vscode/spdlog');
  if (fs.existsSync(path.join(folder, 'build/Release/spdlog.node'))) return;
  if (!['g++', 'make', 'python3'].every(which)) return;
  say('Building the workbench’s log writer …');
  // Headers of the Node that will load it lie beside it, so nothing is downloaded.
  const nodedir = path.join(root, 'node_modules', nodePackage());
  try {
    await npm(['rebuild', '@vscode/spdlog'], vscodeServer, {
      ...toolEnvironment(),
      npm_config_nodedir: nodedir,
    });
  } catch (error) {
    if (!(error instanceof Plain)) throw error;
    say('The workbench’s log writer could not be built; its log files will be missing.');
  }
}
