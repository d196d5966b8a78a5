import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import { runScript } from './remoteScript.ts';

/** A file ready to travel. */
export interface Parcel {
  /** What goes over the link. */
  bytes: Buffer;
  compressed: boolean;
  /** Of the content as it lies on the node in the end. */
  sha256: string;
  /** Names the parcel, so that a half one is continued only with the same bytes. */
  id: string;
  mode: string;
}

const chunkBytes = 256 * 1024;

/** Prints the size of a half parcel, or that the file is already complete. Parameters: target, parcel, hash. */
const stateScript = `
${hashFunction()}
if [ -f "$1" ] && [ "$(hash "$1")" = "$3" ]; then echo complete; exit 0; fi
if [ -f "$2" ]; then wc -c < "$2"; else echo 0; fi
`;

/** Appends stdin to a parcel. */
const appendScript = 'umask 077; cat >> "$1"';

/** Unpacks, checks and names a parcel; one that is damaged goes, so that it is sent anew. Parameters: target, parcel, hash, whether compressed, mode. */
const finishScript = `
umask 077
${hashFunction()}
if [ "$4" = gzip ]; then gzip -dc < "$2" > "$2.file"; else mv -f "$2" "$2.file"; fi || { rm -f "$2" "$2.file"; exit 1; }
rm -f "$2"
chmod "$5" "$2.file"
found=$(hash "$2.file")
if [ "$found" != "$3" ]; then rm -f "$2" "$2.file"; [ -n "$found" ] || exit 5; exit 4; fi
mv -f "$2.file" "$1"
`;

/** A shell function that prints the SHA-256 of a file with whatever tool the node has; openssl is several times as fast. */
function hashFunction(): string {
  return `hash() {
  if command -v openssl >/dev/null 2>&1 && openssl dgst -sha256 -r < "$1" 2>/dev/null; then :
  elif command -v sha256sum >/dev/null 2>&1; then sha256sum < "$1"
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256 < "$1"
  else sha256 -q < "$1"; fi | cut -c1-64
}`;
}

/** Reads a file; `pack`: the node can unpack it and the link makes it worth it. */
export async function packFile(file: string, pack: boolean, mode: string): Promise<Parcel> {
  const content = await fs.promises.readFile(file);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const compressed = pack && content.length > 4096;
  const bytes = compressed ? await promisify(gzip)(content, { level: constants.Z_BEST_SPEED }) : content;
  const packed = compressed ? createHash('sha256').update(bytes).digest('hex') : sha256;
  const id = packed.slice(0, 16);
  return { bytes, compressed, sha256, id, mode };
}

/**
 * Brings a parcel to `target` on the node: continues a half one, checks the content's SHA-256 there, and only then gives
 * it its name. Returns whether anything was sent.
 * @param client names this machine, so that two clients never write one parcel.
 */
export async function placeFile(
  transport: Transport,
  parcel: Parcel,
  target: string,
  client: string,
  onBytes: (sent: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const part = `${target}.${parcel.id}.${client}.part`;
  for (let attempt = 0; ; attempt++) {
    const state = await runScript(transport, stateScript, [target, part, parcel.sha256], signal);
    const answer = state.stdout.trim();
    if (answer === 'complete') {
      onBytes(parcel.bytes.length);
      return false;
    }
    let offset = Number(answer);
    if (!Number.isInteger(offset) || offset > parcel.bytes.length) {
      await runScript(transport, 'rm -f "$1"', [part], signal);
      offset = 0;
    }
    await append(transport, parcel.bytes.subarray(offset), part, (sent) => onBytes(offset + sent), signal);
    const kind = parcel.compressed ? 'gzip' : 'plain';
    const parameters = [target, part, parcel.sha256, kind, parcel.mode];
    const finished = await runScript(transport, finishScript, parameters, signal);
    if (finished.code === 0) return true;
    if (/no space left|quota exceeded/i.test(finished.stderr)) throw diskFull(transport);
    if (finished.code === 5)
      throw new BiphaseError('missing', `${transport.description} has no tool to check a SHA-256.`, {
        next: 'Install coreutils or openssl there.',
      });
    if (attempt > 0)
      throw new BiphaseError('damaged', `${target} arrived damaged on ${transport.description}.`, {
        next: 'Reconnect the node; check its disk if it happens again.',
      });
  }
}

async function append(
  transport: Transport,
  bytes: Buffer,
  part: string,
  onBytes: (sent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const channel = await transport.exec(['sh', '-c', appendScript, 'sh', part], { signal });
  channel.stdout.resume();
  let complaint = '';
  channel.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  let sent = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      onBytes(sent);
      done(null, chunk);
    },
  });
  const [, exit] = await Promise.all([
    pipeline(Readable.from(chunksOf(bytes)), counting, channel.stdin, { signal }).catch(() => {}),
    channel.exit,
  ]);
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Copying to ${transport.description} was cancelled.`);
  if (!exit.known) throw exit.reason;
  if (exit.code === 0) return;
  if (/no space left|quota exceeded/i.test(complaint)) throw diskFull(transport);
  const detail = complaint.trim().split('\n').at(-1) ?? '';
  throw new BiphaseError(
    'refused',
    `${part} cannot be written on ${transport.description}${detail && `: ${detail}`}.`,
  );
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

function diskFull(transport: Transport): BiphaseError {
  return new BiphaseError('full', `The disk of ${transport.description} is full.`, {
    next: 'Free space there, or set another root for this node.',
  });
}
