/** What went wrong, coarse enough to act on: the exit code, the icon and the button depend on it. */
export const errorKinds = [
  'usage', // a person wrote something that cannot be: exit code 2
  'refused', // a safety rule said no (host key, trust, foreign process)
  'needs-person', // waits for an answer (passphrase, one-time code, host key)
  'unreachable', // the network or the node does not answer; retrying can help
  'missing', // a file, run, node or program is not there
  'full', // no space, memory or slots left
  'damaged', // bytes that contradict their format or hash
  'cancelled',
  'internal',
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** The one error type that crosses borders: `message` is one clear sentence, `next` the thing to try. */
export class BiphaseError extends Error {
  readonly kind: ErrorKind;
  readonly next: string | undefined;

  constructor(kind: ErrorKind, message: string, options: { next?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BiphaseError';
    this.kind = kind;
    this.next = options.next;
  }
}

const permissions = 'Correct its permissions, or choose another place.';

/** What the system says of a path, by its code. */
const pathProblems = new Map<string, { kind: ErrorKind; why: string; next?: string }>([
  ['EACCES', { kind: 'refused', why: 'permission is denied', next: permissions }],
  ['EPERM', { kind: 'refused', why: 'permission is denied', next: permissions }],
  ['EROFS', { kind: 'refused', why: 'its file system is read-only', next: 'Choose another place.' }],
  ['ENOENT', { kind: 'missing', why: 'it, or a folder above it, is not there' }],
  ['ENOTDIR', { kind: 'missing', why: 'something above it is no folder' }],
  ['EISDIR', { kind: 'refused', why: 'it is a folder' }],
]);

/** Turns anything thrown into a BiphaseError: what the system often says in a sentence, the rest with its message. */
export function toBiphaseError(thrown: unknown): BiphaseError {
  if (thrown instanceof BiphaseError) return thrown;
  if (thrown instanceof Error) {
    const { code, path } = thrown as Error & { code?: string; path?: unknown };
    if (code === 'ENOSPC' || code === 'EDQUOT')
      return new BiphaseError('full', 'The disk is full.', {
        next: 'Free space and try again.',
        cause: thrown,
      });
    const known = code === undefined ? undefined : pathProblems.get(code);
    if (typeof path === 'string' && known)
      return new BiphaseError(known.kind, `${path} cannot be used: ${known.why}.`, {
        ...(known.next === undefined ? {} : { next: known.next }),
        cause: thrown,
      });
    return new BiphaseError('internal', thrown.message, { cause: thrown });
  }
  return new BiphaseError('internal', String(thrown));
}
