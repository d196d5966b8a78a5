import fs from 'node:fs';
import path from 'node:path';
import { parse as parseYaml } from 'yaml';
import { BiphaseError } from '../core/errors.ts';
import { withAbsolutePaths } from '../core/localPaths.ts';

/** Far above what a person writes; a device such as /dev/zero has no end. */
const mostBytes = 1 << 20;

/** What a file of YAML or JSON holds, not yet checked. It may be a pipe. @throws BiphaseError `usage` */
export function readStructured(file: string): unknown {
  const text = readText(file);
  try {
    return parseYaml(text, { logLevel: 'error' });
  } catch (cause) {
    if ((cause as { code?: string }).code === 'MULTIPLE_DOCS')
      throw new BiphaseError('usage', `${file} holds several YAML documents; a run file is one.`, {
        next: 'Write each into a file of its own.',
        cause,
      });
    throw new BiphaseError('usage', `${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`, {
      cause,
    });
  }
}

/** A run file as a person keeps it: its `local:` paths are meant beside it. @throws BiphaseError `usage` */
export function readRunFile(file: string): unknown {
  return withAbsolutePaths(readStructured(file), path.dirname(path.resolve(file)));
}

function readText(file: string): string {
  const buffer = Buffer.alloc(mostBytes + 1);
  let length = 0;
  try {
    const fd = fs.openSync(file, 'r');
    try {
      for (let got = -1; got !== 0 && length < buffer.length; length += got)
        got = fs.readSync(fd, buffer, length, buffer.length - length, null);
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new BiphaseError('usage', `There is no run file ${file}.`, { cause });
    const why = { EISDIR: 'it is a folder', EACCES: 'you may not', EPERM: 'you may not' }[code] ?? code;
    throw new BiphaseError('usage', `The run file ${file} cannot be read: ${why}.`, { cause });
  }
  if (length > mostBytes)
    throw new BiphaseError('usage', `${file} is larger than 1 MiB, which no run file is.`);
  return buffer.toString('utf8', 0, length);
}
