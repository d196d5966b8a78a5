import path from 'node:path';
import { BiphaseError } from './errors.ts';
import { homePath } from './homePath.ts';

const local = 'local:';

/** The path on the launching machine that a `data.source` names; undefined for every other source. */
export function localPath(source: string): string | undefined {
  return source.startsWith(local) ? source.slice(local.length) : undefined;
}

/**
 * The same as an absolute path of this machine; `home`: what `~` means.
 * @throws BiphaseError `usage` for a relative one: nobody knows any more where it was meant
 */
export function absoluteLocalPath(source: string, home: string): string | undefined {
  const written = localPath(source);
  if (written === undefined) return undefined;
  const place = homePath(written, home);
  if (!path.isAbsolute(place))
    throw new BiphaseError('usage', `"${source}" is not an absolute path.`, {
      next: 'Save the run file, whose folder it is relative to, or write the whole path.',
    });
  return place;
}

/**
 * The run file with `local:` paths of its data made absolute: those in a file are relative to that file, and the
 * process that reads them runs elsewhere. `~` stays, for whoever reads them.
 */
export function withAbsolutePaths(file: unknown, folder: string | undefined): unknown {
  const { data } = (file ?? {}) as { data?: { source?: unknown } };
  const written = typeof data?.source === 'string' ? localPath(data.source) : undefined;
  if (folder === undefined || written === undefined || /^~(\/|$)/.test(written)) return file;
  return {
    ...(file as object),
    data: { ...data, source: local + path.resolve(folder, written) },
  };
}
