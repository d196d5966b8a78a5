import fs from 'node:fs';
import type { ParsedKey } from 'ssh2';
import ssh2 from 'ssh2';
import { BiphaseError } from '../../../core/errors.ts';
import type { Prompter } from '../prompter.ts';

/** What a key file holds, as far as it can be known without its passphrase. */
export interface KeyFile {
  file: string;
  explicit: boolean;
  /** null: encrypted in a format that hides it, and no .pub file beside it. */
  publicKey: ParsedKey | null;
  /** null: encrypted, or only the public half is there. */
  privateKey: ParsedKey | null;
  encrypted: boolean;
}

const attempts = 3;

/** Words of every problem that only another kind of key solves. */
export const cannotUse = 'which Biphase cannot use';

/** Reads a key file; undefined where there is none. Keys that cannot be used give a sentence in `problems`. */
export function readKeyFile(file: string, explicit: boolean, problems: string[]): KeyFile | undefined {
  const bytes = readIfThere(file, explicit ? problems : []);
  if (!bytes) {
    const publicOnly = parsed(readIfThere(`${file}.pub`, []));
    return publicOnly
      ? { file, explicit, publicKey: publicOnly, privateKey: null, encrypted: false }
      : undefined;
  }
  if (fs.existsSync(`${file}-cert.pub`)) problems.push(`${file}-cert.pub is a certificate, ${cannotUse}`);
  if (isSecurityKey(bytes)) {
    problems.push(`${file} belongs to a security key, ${cannotUse}`);
    return undefined;
  }
  const key = ssh2.utils.parseKey(bytes);
  if (!(key instanceof Error)) {
    const single = Array.isArray(key) ? (key[0] as ParsedKey) : key;
    return single.isPrivateKey()
      ? { file, explicit, publicKey: single, privateKey: single, encrypted: false }
      : { file, explicit, publicKey: single, privateKey: null, encrypted: false };
  }
  if (!/no passphrase given/i.test(key.message)) {
    problems.push(`${file} is no key that Biphase can use (${key.message})`);
    return undefined;
  }
  const publicKey = parsed(publicLine(bytes)) ?? parsed(readIfThere(`${file}.pub`, []));
  return { file, explicit, publicKey, privateKey: null, encrypted: true };
}

/**
 * The private key of an encrypted file. The passphrase is tried here, on this machine: a wrong one never reaches a node.
 * @throws BiphaseError `needs-person` after three wrong passphrases.
 */
export async function unlockKeyFile(key: KeyFile, node: string, prompts: Prompter): Promise<ParsedKey> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const passphrase = await prompts.secret({
      node,
      purpose: 'passphrase',
      title: `Passphrase of ${key.file}`,
      storageKey: `passphrase:${key.file}`,
      retry: attempt > 0,
    });
    const unlocked = ssh2.utils.parseKey(fs.readFileSync(key.file), passphrase);
    if (!(unlocked instanceof Error)) return unlocked;
  }
  throw new BiphaseError('needs-person', `The passphrase of ${key.file} was wrong ${attempts} times.`, {
    next: 'Reconnect the node to try again.',
  });
}

/** Either half of a key that lives in hardware, locked or not. */
function isSecurityKey(file: Buffer): boolean {
  return /^sk-(ssh|ecdsa)-/.test(embeddedPublicKey(file)?.type ?? file.toString('latin1'));
}

function readIfThere(file: string, problems: string[]): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    problems.push(
      code === 'ENOENT' ? `${file} is not there` : `${file} cannot be read (${(error as Error).message})`,
    );
    return undefined;
  }
}

function parsed(bytes: Buffer | undefined): ParsedKey | null {
  if (!bytes) return null;
  const key = ssh2.utils.parseKey(bytes);
  if (key instanceof Error) return null;
  return Array.isArray(key) ? (key[0] as ParsedKey) : key;
}

/** OpenSSH's own format keeps the public half in the clear, also in an encrypted file. */
function embeddedPublicKey(file: Buffer): { type: string; blob: Buffer } | undefined {
  const match = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(file.toString('latin1'));
  if (!match) return undefined;
  const bytes = Buffer.from(match[1]!, 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) return undefined;
  let at = magic.length;
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    return bytes.subarray(at - length, at);
  };
  try {
    next(); // cipher
    next(); // key derivation
    next(); // its options
    at += 4; // number of keys, always 1
    const blob = next();
    return { type: blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1'), blob };
  } catch {
    return undefined;
  }
}

function publicLine(file: Buffer): Buffer | undefined {
  const key = embeddedPublicKey(file);
  return key ? Buffer.from(`${key.type} ${key.blob.toString('base64')}`) : undefined;
}
