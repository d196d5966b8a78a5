import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { scaledMs } from '../core/clock.ts';
import { toBiphaseError } from '../core/errors.ts';
import { makeFolder } from '../core/makeFolder.ts';
import { controlSocket, stateFolder } from './client/stateFolder.ts';
import { nodeKinds } from './nodes/nodeKinds.ts';
import { ControlServer } from './server/controlServer.ts';
import { LogFile } from './server/logFile.ts';
import { StateLock } from './server/stateLock.ts';

// The control process: one a state folder. Started by the first client, detached; ends when nobody needs it.

declare const BIPHASE_VERSION: string | undefined;
const version = typeof BIPHASE_VERSION === 'string' ? BIPHASE_VERSION : 'dev';
const lockWaitMs = 10_000;

process.umask(0o077);
const { values } = parseArgs({ options: { state: { type: 'string' } } });
const folder = values.state ?? stateFolder();
makeFolder(folder);
fs.chmodSync(folder, 0o700);
const log = new LogFile(path.join(folder, 'control.log'));

/** Ends control; whoever started it hears why, as long as it waits. */
function fail(error: unknown): void {
  log.write(`ended by an error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const { kind, message, next } = toBiphaseError(error);
  if (!process.connected) process.exit(1);
  setTimeout(() => process.exit(1), 1000);
  process.send?.({ kind, message, next }, () => process.exit(1));
}
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The lock, or undefined when another control serves this folder. One that is on its way out is waited for. */
async function takeLock(address: string): Promise<StateLock | undefined> {
  const deadline = performance.now() + scaledMs(lockWaitMs);
  for (;;) {
    const lock = StateLock.take(folder);
    if (lock) return lock;
    if (await answers(address)) return undefined;
    if (performance.now() > deadline)
      throw new Error('Another control holds the state folder but does not answer.');
    await sleep(scaledMs(20));
  }
}

const address = controlSocket(folder);
const lock = await takeLock(address);
if (lock) {
  const server = new ControlServer({
    stateFolder: folder,
    bundleFolder: path.join(import.meta.dirname, 'bundle'),
    kinds: nodeKinds,
    address,
    version,
    log: (line) => log.write(line),
    ended: () => {
      lock.release();
      // Clients still read what was sent to them.
      setTimeout(() => process.exit(0), 300);
    },
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => server.close());
  process.on('SIGHUP', () => undefined);
  await server.listen();
  log.write(`version ${version} listens at ${address}`);
}
