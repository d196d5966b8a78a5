import fs from 'node:fs';
import { BiphaseError } from '../../../core/errors.ts';

/**
 * Whether a file of RevokedHostKeys, a public key a line, names this key.
 * @throws BiphaseError `refused` where that cannot be told; as in ssh(1) no host is talked to then.
 */
export function isRevokedKey(file: string, key: Buffer): boolean {
  let content: Buffer;
  try {
    content = fs.readFileSync(file);
  } catch (cause) {
    throw new BiphaseError(
      'refused',
      `The revoked host keys in ${file} cannot be read: ${(cause as Error).message}.`,
      { next: 'Correct RevokedHostKeys in the ssh configuration.', cause },
    );
  }
  if (content.toString('latin1').startsWith('SSHKRL'))
    throw new BiphaseError('refused', `${file} is a binary revocation list, which Biphase cannot read.`, {
      next: 'Name a file of public keys with RevokedHostKeys in the ssh configuration.',
    });
  const wanted = key.toString('base64');
  return content
    .toString()
    .split('\n')
    .some((line) => !line.startsWith('#') && line.trim().split(/\s+/).includes(wanted));
}
