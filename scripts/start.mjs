#!/usr/bin/env node
// `npm start`: installs, builds and packages the extension, then shows it in a real workbench with three runs.
// -- --once ends with the runs; -- --port N takes that port; -- --text FOLDER trains the paper's four setups on the
// English prose of a documentation folder (/usr/share/doc). Runs under Node 20; the rest under the checkout's Node.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Plain, runMain } from './lib/fail.mjs';
import { checkoutNode, root, which } from './lib/paths.mjs';
import { preflight } from './preflight.mjs';

const say = (line) => console.log(line);
const runningFile = path.join(root, '.cache/start/running.json');

/** Whether somebody listens on a port of this machine. */
function taken(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Says so when another start of this checkout is still there. */
async function refuseSecondStart() {
  if (!fs.existsSync(runningFile)) return;
  const { pid, port, address } = JSON.parse(fs.readFileSync(runningFile, 'utf8'));
  try {
    process.kill(pid, 0);
  } catch {
    return;
  }
  if (await taken(port))
    throw new Plain(
      `Already started, by process ${pid}: open ${address}, or end it there with Ctrl+C first.`,
    );
}

/** Program that opens an address in the person's browser; undefined without a desktop. */
function browserOpener() {
  if (process.platform === 'darwin') return which('open');
  return process.env.DISPLAY || process.env.WAYLAND_DISPLAY ? which('xdg-open') : undefined;
}

function choosePort(text) {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Plain(`--port takes a number from 1 to 65535, not "${text}".`);
  return port;
}

function readOptions() {
  try {
    return parseArgs({
      options: { once: { type: 'boolean' }, port: { type: 'string' }, text: { type: 'string' } },
    }).values;
  } catch (error) {
    throw new Plain(`${error.message} This command knows --once, --port N and --text FOLDER.`);
  }
}

await runMain(async () => {
  const options = readOptions();
  let port = choosePort(options.port);
  if (port !== undefined && (await taken(port)))
    throw new Plain(`Port ${port} is taken: choose another with --port, or leave it out.`);
  if (options.text !== undefined && !fs.existsSync(options.text))
    throw new Plain(`There is no folder ${options.text} to read text from.`);
  await refuseSecondStart();
  port ??= (await taken(8137)) ? 0 : 8137;
  const environment = await preflight('start', say);
  const packed = spawnSync(process.execPath, [path.join(root, 'scripts/package.mjs')], { stdio: 'inherit' });
  if (packed.status !== 0) return packed.status ?? 1;
  const child = spawn(
    checkoutNode(),
    [
      path.join(root, 'scripts/demonstration.ts'),
      String(port),
      ...(options.once ? ['--once'] : []),
      ...(options.text === undefined ? [] : ['--text', path.resolve(options.text)]),
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        BIPHASE_CHROMIUM: environment.BIPHASE_CHROMIUM,
        BIPHASE_BROWSER_OPENER: browserOpener() ?? '',
      },
    },
  );
  // Ctrl+C reaches the child by itself; this process waits for it to clean up.
  process.on('SIGINT', () => {});
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
});
