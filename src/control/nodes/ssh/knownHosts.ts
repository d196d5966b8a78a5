import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { matchesPatternList } from './patternList.ts';

/** One usable line of a known_hosts file. */
export interface KnownHost {
  file: string;
  /** From 1. */
  line: number;
  marker: 'none' | 'revoked' | 'cert-authority';
  /** The hosts field as written: a pattern list, or `|1|salt|hash`. */
  hosts: string;
  type: string;
  key: Buffer;
}

export type HostKeyVerdict =
  | { result: 'known'; entry: KnownHost }
  | { result: 'unknown'; authority: KnownHost | null }
  | { result: 'changed'; entry: KnownHost }
  | { result: 'revoked'; entry: KnownHost };

/** Under what a host is looked up: `host` on port 22, `[host]:port` otherwise, an alias as it stands. */
export function knownHostsName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** `SHA256:…` as OpenSSH prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key blob names in itself. */
export function hostKeyType(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return key.subarray(4, 4 + length).toString('latin1');
}

/** Lines that OpenSSH would use; malformed ones are passed over, as it does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  const entries: KnownHost[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/^[ \t]+|[ \t\r]+$/g, '');
    if (line === '' || line.startsWith('#')) continue;
    const fields = line.split(/[ \t]+/);
    let marker: KnownHost['marker'] = 'none';
    if (fields[0]!.startsWith('@')) {
      const word = fields.shift();
      if (word === '@revoked') marker = 'revoked';
      else if (word === '@cert-authority') marker = 'cert-authority';
      else continue;
    }
    const [hosts, type, encoded] = fields;
    if (hosts === undefined || type === undefined || encoded === undefined || hosts.startsWith('@')) continue;
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) continue;
    const key = Buffer.from(encoded, 'base64');
    if (hostKeyType(key) !== type || !isWhole(key)) continue;
    entries.push({ file, line: index + 1, marker, hosts, type, key });
  }
  return entries;
}

/** Entries of several files in their order; files that are not there hold none. */
export function loadKnownHosts(files: readonly string[]): KnownHost[] {
  return files.flatMap((file) => {
    try {
      return parseKnownHosts(fs.readFileSync(file, 'utf8'), file);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return [];
      throw error;
    }
  });
}

/** Whether a hosts field speaks of this name. */
export function hostsFieldMatches(hosts: string, name: string): boolean {
  if (!hosts.startsWith('|')) return matchesPatternList(hosts.toLowerCase().split(','), name);
  const [, version, salt, hash] = hosts.split('|');
  if (version !== '1' || !salt || !hash) return false;
  const wanted = Buffer.from(hash, 'base64');
  const found = hmac(Buffer.from(salt, 'base64'), name);
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}

/** The hosts field that hides a name: `|1|salt|hash`. */
export function hashedHost(name: string, salt: Buffer = randomBytes(20)): string {
  return `|1|${salt.toString('base64')}|${hmac(salt, name).toString('base64')}`;
}

/**
 * What ssh(1) would say about a host that shows this key. `name` is from `knownHostsName` or a HostKeyAlias.
 * As in OpenSSH an unknown `[host]:port` may be vouched for by a line for the bare host.
 */
export function checkHostKey(entries: readonly KnownHost[], name: string, key: Buffer): HostKeyVerdict {
  const verdict = checkName(entries, name, key);
  const bare = /^\[(.+)\]:\d+$/.exec(name)?.[1];
  if (verdict.result !== 'unknown' || bare === undefined) return verdict;
  const vouched = checkName(entries, bare, key);
  return vouched.result === 'known' || vouched.result === 'revoked' ? vouched : verdict;
}

function checkName(entries: readonly KnownHost[], name: string, key: Buffer): HostKeyVerdict {
  const here = entries.filter((entry) => hostsFieldMatches(entry.hosts, name));
  const isSame = (entry: KnownHost): boolean => entry.key.equals(key);
  const revoked = here.find((entry) => entry.marker === 'revoked' && isSame(entry));
  if (revoked) return { result: 'revoked', entry: revoked };
  const plain = here.filter((entry) => entry.marker === 'none');
  const known = plain.find(isSame);
  if (known) return { result: 'known', entry: known };
  const contradicting = plain.find((entry) => entry.type === hostKeyType(key)) ?? plain[0];
  if (contradicting) return { result: 'changed', entry: contradicting };
  return { result: 'unknown', authority: here.find((entry) => entry.marker === 'cert-authority') ?? null };
}

/** Key types that are on file for a host, so that they are asked for first. As in ssh(1), a bare host's lines do not count. */
export function knownKeyTypes(entries: readonly KnownHost[], name: string): Set<string> {
  return new Set(
    entries.filter((e) => e.marker === 'none' && hostsFieldMatches(e.hosts, name)).map((e) => e.type),
  );
}

/** Appends an accepted key; a last line without its newline is closed first. Makes folder (0700) and file (0600). */
export function appendKnownHost(file: string, name: string, key: Buffer, hashed: boolean): void {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const handle = fs.openSync(file, 'a+', 0o600);
  try {
    const { size } = fs.fstatSync(handle);
    const last = Buffer.alloc(1);
    const torn = size > 0 && fs.readSync(handle, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
    const hosts = hashed ? hashedHost(name) : name;
    fs.writeSync(handle, `${torn ? '\n' : ''}${hosts} ${hostKeyType(key)} ${key.toString('base64')}\n`);
    // /dev/null, which some configurations name, has nothing to sync.
    if (fs.fstatSync(handle).isFile()) fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/** A key is a row of length-prefixed fields, the type first, that ends where the last field ends. */
function isWhole(key: Buffer): boolean {
  let fields = 0;
  let at = 0;
  while (at + 4 <= key.length) {
    at += 4 + key.readUInt32BE(at);
    fields++;
  }
  return at === key.length && fields >= 2;
}

function hmac(salt: Buffer, name: string): Buffer {
  return createHmac('sha1', salt).update(name).digest();
}
