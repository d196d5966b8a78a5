import path from 'node:path';

const local = 'local:';

/**
 * The run file with `local:` paths of its data made absolute: those in a file are relative to that file, and the
 * process that reads them runs elsewhere.
 */
export function withAbsolutePaths(file: unknown, folder: string | undefined): unknown {
  const { data } = file as { data?: { source?: unknown } };
  const source = data?.source;
  if (folder === undefined || typeof source !== 'string' || !source.startsWith(local)) return file;
  return {
    ...(file as object),
    data: { ...data, source: local + path.resolve(folder, source.slice(local.length)) },
  };
}
