import fs from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';

/**
 * Listens at the address with a socket that only this user can open. The caller holds the state lock: what lies at the
 * address belongs to no living control and is replaced.
 */
export async function listenPrivately(server: net.Server, address: string): Promise<void> {
  if (process.platform !== 'win32') {
    preparePrivateFolder(path.dirname(address));
    removeOld(address);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  if (process.platform !== 'win32') fs.chmodSync(address, 0o600);
}

/** True while the socket's file is there: a cleaner of temporary files may have taken it. */
export function socketIsThere(address: string): boolean {
  return process.platform === 'win32' || fs.existsSync(address);
}

function removeOld(address: string): void {
  try {
    fs.rmSync(address, { force: true });
  } catch (cause) {
    throw new BiphaseError(
      'refused',
      `${address}, where control listens, is taken (${(cause as NodeJS.ErrnoException).code}).`,
      { next: 'Remove it, or set BIPHASE_STATE to another folder.', cause },
    );
  }
}

function preparePrivateFolder(folder: string): void {
  makeFolder(folder);
  const stat = fs.lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.())
    throw new BiphaseError('refused', `${folder} belongs to somebody else.`, {
      next: 'Set BIPHASE_STATE to a folder of your own.',
    });
  if ((stat.mode & 0o077) !== 0) fs.chmodSync(folder, 0o700);
}
