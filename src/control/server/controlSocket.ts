import fs from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';

/**
 * Listens at the address with a socket that only this user can open. The caller holds the state lock: what lies at the
 * address belongs to no living control and is replaced.
 */
export async function listenPrivately(server: net.Server, address: string): Promise<void> {
  if (process.platform !== 'win32') {
    preparePrivateFolder(path.dirname(address));
    fs.rmSync(address, { force: true });
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

function preparePrivateFolder(folder: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = fs.lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.())
    throw new BiphaseError('refused', `${folder} belongs to somebody else.`, {
      next: 'Set BIPHASE_STATE to a folder of your own.',
    });
  if ((stat.mode & 0o077) !== 0) fs.chmodSync(folder, 0o700);
}
