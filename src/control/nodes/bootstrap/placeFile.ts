import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import { ownCode, runScript } from './remoteScript.ts';

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

/** For each file: `complete`, or the size of its half parcel. Parameters, three a file: target, parcel, hash. */
const stateScript = `
${hashFunction()}
while [ $# -gt 0 ]; do
  if [ -f "$1" ] && [ "$(hash "$1")" = "$3" ]; then echo complete
  elif [ -f "$2" ]; then wc -c < "$2"
  else echo 0; fi
  shift 3
done
`;

/**
 * Appends stdin to a parcel; once it is whole (a cut link looks like an end), unpacks, checks and names it. One that is
 * damaged goes, so that it is sent anew. Parameters: target, parcel, hash, whether compressed, mode, size when whole.
 */
const sendScript = `
umask 077
${hashFunction()}
cat >> "$2" || exit 7
[ "$(wc -c < "$2")" -eq "$6" ] || exit 8
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

/** Bytes that a parcel may take on the node: packed and unpacked lie there together for a moment, the rest is renamed. */
export function spaceFor({ bytes, compressed }: Parcel): number {
  return bytes.length * (compressed ? 4 : 1);
}

/** A parcel and where it goes. */
export interface Delivery {
  parcel: Parcel;
  target: string;
  onBytes: (sent: number) => void;
}

/**
 * Brings parcels to their places on the node, one after another: continues half ones, checks each content's SHA-256
 * there, and only then gives it its name.
 * @param client names this machine, so that two clients never write one parcel.
 */
export async function placeFiles(
  transport: Transport,
  deliveries: readonly Delivery[],
  client: string,
  signal: AbortSignal,
): Promise<void> {
  const partOf = ({ target, parcel }: Delivery): string => `${target}.${parcel.id}.${client}.part`;
  const states = async (asked: readonly Delivery[]): Promise<string[]> => {
    const parameters = asked.flatMap((each) => [each.target, partOf(each), each.parcel.sha256]);
    const { stdout } = await runScript(transport, stateScript, parameters, signal);
    return stdout.split('\n').map((line) => line.trim());
  };
  const first = await states(deliveries);
  for (const [index, delivery] of deliveries.entries()) {
    let state = first[index] ?? '';
    for (let attempt = 0; ; attempt++) {
      if (await placeFile(transport, delivery, partOf(delivery), state, signal)) break;
      if (attempt > 0)
        throw new BiphaseError('damaged', `${delivery.target} arrived damaged on ${transport.description}.`, {
          next: 'Reconnect the node; check its disk if it happens again.',
        });
      state = (await states([delivery]))[0] ?? '';
    }
  }
}

/** One attempt from what `state` says is there; false where the file arrived damaged. */
async function placeFile(
  transport: Transport,
  { parcel, target, onBytes }: Delivery,
  part: string,
  state: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (state === 'complete') {
    onBytes(parcel.bytes.length);
    return true;
  }
  let offset = /^\d+$/.test(state) ? Number(state) : Number.POSITIVE_INFINITY;
  if (offset > parcel.bytes.length) {
    await runScript(transport, 'rm -f "$1"', [part], signal);
    offset = 0;
  }
  const kind = parcel.compressed ? 'gzip' : 'plain';
  const size = String(parcel.bytes.length);
  const argv = ['sh', '-c', sendScript, 'sh', target, part, parcel.sha256, kind, parcel.mode, size];
  const channel = await transport.exec(argv, { signal });
  channel.stdout.resume();
  let complaint = '';
  channel.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  let sent = offset;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      onBytes(sent);
      done(null, chunk);
    },
  });
  const [, exit] = await Promise.all([
    pipeline(Readable.from(chunksOf(parcel.bytes.subarray(offset))), counting, channel.stdin, {
      signal,
    }).catch(() => {}),
    channel.exit,
  ]);
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Copying to ${transport.description} was cancelled.`);
  const code = ownCode(exit, transport);
  if (code === 0) return true;
  if (/no space left|quota exceeded/i.test(complaint))
    throw new BiphaseError('full', `The disk of ${transport.description} is full.`, {
      next: 'Free space there, or set another root for this node.',
    });
  if (code === 5)
    throw new BiphaseError('missing', `${transport.description} has no tool to check a SHA-256.`, {
      next: 'Install coreutils or openssl there.',
    });
  if (code !== 7) return false;
  const detail = complaint.trim().split('\n').at(-1) ?? '';
  throw new BiphaseError(
    'refused',
    `${part} cannot be written on ${transport.description}${detail && `: ${detail}`}.`,
  );
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
