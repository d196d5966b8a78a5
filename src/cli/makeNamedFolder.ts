import { BiphaseError, toBiphaseError } from '../core/errors.ts';
import { makeFolder } from '../core/makeFolder.ts';

/**
 * Makes a folder that a person named, where it is missing.
 * @param next what to do where it cannot be
 * @throws BiphaseError `usage`, or `full`
 */
export function makeNamedFolder(folder: string, next: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    const error = toBiphaseError(cause);
    if (error.kind === 'full') throw error;
    const { code } = cause as NodeJS.ErrnoException;
    throw new BiphaseError('usage', `The folder ${folder} cannot be made (${code}).`, { next, cause });
  }
}
