import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';

/** The folder of control's databases, nodes.json and log: one control process a folder. */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.BIPHASE_STATE) return path.resolve(environment.BIPHASE_STATE);
  const home = os.homedir();
  if (process.platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'biphase');
  if (process.platform === 'win32')
    return path.join(environment.LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'), 'biphase');
  return path.join(environment.XDG_STATE_HOME || path.join(home, '.local', 'state'), 'biphase');
}

/** Longest path that every system's socket addresses hold (macOS: 104 with the closing zero). */
const longestSocketPath = 100;

/**
 * Where control of this state folder listens. A path too long for a socket gives one in a private folder under the
 * system's temporary folder, named by a hash of the state folder.
 */
export function controlSocket(folder: string, temporaryFolder: string = os.tmpdir()): string {
  const hash = createHash('sha256').update(`${os.userInfo().username}\0${folder}`).digest('hex').slice(0, 16);
  if (process.platform === 'win32') return `\\\\.\\pipe\\biphase-${hash}`;
  const plain = path.join(folder, 'control.sock');
  if (Buffer.byteLength(plain) <= longestSocketPath) return plain;
  const short = path.join(temporaryFolder, `biphase-${hash}`, 'control.sock');
  if (Buffer.byteLength(short) > longestSocketPath)
    throw new BiphaseError(
      'usage',
      `The path of the temporary folder, ${temporaryFolder}, is too long for a socket.`,
      {
        next: 'Set BIPHASE_STATE to a shorter path.',
      },
    );
  return short;
}
