import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../core/errors.ts';

/** True for an errno error with one of these codes. */
export function hasCode(thrown: unknown, ...codes: string[]): boolean {
  return thrown instanceof Error && codes.includes((thrown as NodeJS.ErrnoException).code ?? '');
}

let temporaryCount = 0;
function temporaryName(file: string): string {
  return `${file}.${process.pid}-${temporaryCount++}.tmp`;
}

function writeSynced(file: string, text: string): void {
  const fd = fs.openSync(file, 'wx', 0o600);
  try {
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Replaces a file whole: readers see the old or the new content, also after a crash. */
export function writeByRename(file: string, text: string): void {
  const temporary = writeBeside(file, text);
  try {
    fs.renameSync(temporary, file);
  } catch (thrown) {
    fs.rmSync(temporary, { force: true });
    throw thrown;
  }
}

/** Writes what is to take a file's place by a rename; answers where it is. */
export function writeBeside(file: string, text: string): string {
  const temporary = temporaryName(file);
  try {
    writeSynced(temporary, text);
    return temporary;
  } catch (thrown) {
    fs.rmSync(temporary, { force: true });
    throw thrown;
  }
}

/** Milliseconds since 1970, by the clock of its file system; 0 where there is none. */
export function modifiedAt(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Creates a file with its whole content, or returns false because it is there. Of many callers one gets true. */
export function createWhole(file: string, text: string): boolean {
  const temporary = temporaryName(file);
  try {
    writeSynced(temporary, text);
    fs.linkSync(temporary, file);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'EEXIST')) return false;
    // File systems without hard links: exclusive creation, whose content follows a moment later.
    if (hasCode(thrown, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) return createThenFill(file, text);
    throw thrown;
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

function createThenFill(file: string, text: string): boolean {
  try {
    writeSynced(file, text);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'EEXIST')) return false;
    throw thrown;
  }
}

/** No program of ours writes a longer JSON file; one that did would not fit a frame. */
const longestJsonBytes = 8 << 20;

/** Opens a regular file; null where there is none. A pipe in its place is not waited for. */
function openRegular(file: string): number | null {
  let fd: number;
  try {
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR', 'ESTALE', 'ELOOP', 'ENXIO')) return null;
    throw thrown;
  }
  if (fs.fstatSync(fd).isFile()) return fd;
  fs.closeSync(fd);
  return null;
}

/**
 * Opens a file, made where it is missing, to write at its end. A pipe in its place is not waited for.
 * @throws BiphaseError `refused` where it is no regular file
 */
export function openToAppend(file: string): number {
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = fs.constants;
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
    if (fs.fstatSync(fd).isFile()) return fd;
  } catch (thrown) {
    // A pipe that nobody reads, or a socket.
    if (!hasCode(thrown, 'ENXIO')) throw thrown;
  }
  if (fd !== undefined) fs.closeSync(fd);
  throw new BiphaseError('refused', `${file} cannot be written: it is no file.`, { next: 'Move it away.' });
}

/** Content of a JSON file as its schema takes it; null where it is missing, cut off or something else. */
export function readJson<T>(
  file: string,
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
): T | null {
  const fd = openRegular(file);
  if (fd === null) return null;
  let value: unknown;
  try {
    if (fs.fstatSync(fd).size > longestJsonBytes) return null;
    value = JSON.parse(fs.readFileSync(fd, 'utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || hasCode(thrown, 'ESTALE')) return null;
    throw thrown;
  } finally {
    fs.closeSync(fd);
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** The last `bytes` of a text file from `from` on; empty where there is none. */
export function readTail(file: string, bytes: number, from = 0): string {
  const fd = openRegular(file);
  if (fd === null) return '';
  try {
    const { size } = fs.fstatSync(fd);
    const start = Math.max(from, size - bytes);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const read = buffer.length === 0 ? 0 : fs.readSync(fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, read);
  } finally {
    fs.closeSync(fd);
  }
}

/** Names in a folder; none where it is not there. */
export function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR')) return [];
    throw thrown;
  }
}

/** Absolute path of a regular file inside `folder`. Refuses paths and links that lead out of it. */
export function insideFolder(folder: string, relative: string): string {
  const parts = relative.split('/');
  if (relative === '' || relative.includes('\0') || path.isAbsolute(relative) || parts.includes('..'))
    throw new BiphaseError('refused', `"${relative}" is not a path inside the run's directory.`);
  let real: string;
  let base: string;
  try {
    base = fs.realpathSync(folder);
    real = fs.realpathSync(path.join(folder, relative));
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR'))
      throw new BiphaseError('missing', `The run has no file "${relative}".`, { cause: thrown });
    if (hasCode(thrown, 'ELOOP'))
      throw new BiphaseError('refused', `"${relative}" is a link that leads nowhere.`, { cause: thrown });
    throw thrown;
  }
  if (!real.startsWith(base + path.sep))
    throw new BiphaseError('refused', `"${relative}" leads out of the run's directory.`);
  if (!fs.statSync(real).isFile()) throw new BiphaseError('refused', `"${relative}" is not a file.`);
  return real;
}
