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
    if (typeof path === 'string' && (code === 'EACCES' || code === 'EPERM' || code === 'EROFS'))
      return new BiphaseError(
        'refused',
        `${path} cannot be used: ${code === 'EROFS' ? 'its file system is read-only' : 'permission is denied'}.`,
        { next: 'Correct its permissions, or choose another place.', cause: thrown },
      );
    return new BiphaseError('internal', thrown.message, { cause: thrown });
  }
  return new BiphaseError('internal', String(thrown));
}
