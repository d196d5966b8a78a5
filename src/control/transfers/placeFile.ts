import { createHash } from 'node:crypto';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { ownCode, runScript } from '../nodes/bootstrap/remoteScript.ts';
import { piecesOf } from '../nodes/readAhead.ts';
import { sendBytes } from '../nodes/sendBytes.ts';
import type { Transport } from '../nodes/transport.ts';

/** A file ready to travel. */
export interface FileParcel {
  /** Bytes that go over the link. */
  size: number;
  /**
   * What goes over the link from an offset on; asked again for every attempt. A piece is good until the next one is asked
   * for. A BiphaseError that it throws ends the copy.
   */
  read(from: number): Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Of the content as it lies on the node in the end. */
  sha256: string;
  /** Names the parcel, so that a half one is continued only with the same bytes. */
  id: string;
  mode: string;
}

/** For each file: `complete`, or size and hash of its half parcel. Parameters, three a file: target, parcel, hash. */
const stateScript = `
${hashFunction()}
while [ $# -gt 0 ]; do
  if [ -f "$1" ] && [ "$(hash "$1")" = "$3" ]; then echo complete
  elif [ -f "$2" ]; then echo $(wc -c < "$2") $(hash "$2")
  else echo 0; fi
  shift 3
done
`;

/**
 * Appends stdin to a parcel; once it is whole (a cut link looks like an end), checks and names it. One that is damaged
 * goes, so that it is sent anew. Parameters: target, parcel, hash, mode, size when whole.
 */
const sendScript = `
umask 077
${hashFunction()}
cat >> "$2" || exit 7
[ "$(wc -c < "$2")" -eq "$5" ] || exit 8
mv -f "$2" "$2.file" || exit 1
chmod "$4" "$2.file"
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

/** Bytes at hand as a parcel that travels as it is. */
export function parcelOf(bytes: Buffer, sha256: string, mode: string): FileParcel {
  return {
    size: bytes.length,
    read: (from) => piecesOf(bytes, from),
    sha256,
    id: sha256.slice(0, 16),
    mode,
  };
}

/** A parcel and where it goes. */
export interface Delivery {
  parcel: FileParcel;
  target: string;
  /** Where it grows; no other delivery has the same. */
  part: string;
  onBytes: (sent: number) => void;
}

/** A shell takes at most 128 KiB as one argument, and an odd character travels as five. */
const askedAtOnceBytes = 16 << 10;
const askedAtOnce = 64;
/** A slow disk hashes faster. */
const hashedBytesPerMs = 10_000;

/** Splits what a script gets as parameters into calls that are short enough. */
export function* batchesOf<T>(items: readonly T[], words: (item: T) => readonly string[]): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const more = words(item).reduce((sum, word) => sum + Buffer.byteLength(word), 0);
    if (batch.length >= askedAtOnce || (batch.length > 0 && bytes + more > askedAtOnceBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

/**
 * Brings parcels to their places on the node, `lanes` at the same time: continues half ones after a look at what is
 * there, checks each content's SHA-256 there, and only then gives it its name.
 */
export async function placeFiles(
  transport: Transport,
  deliveries: readonly Delivery[],
  { signal, lanes = 1 }: { signal: AbortSignal; lanes?: number },
): Promise<void> {
  const words = (each: Delivery): string[] => [each.target, each.part, each.parcel.sha256];
  const states = async (asked: readonly Delivery[], stop: AbortSignal): Promise<string[]> => {
    const bytes = asked.reduce((sum, { parcel }) => sum + parcel.size, 0);
    const { stdout } = await runScript(transport, stateScript, asked.flatMap(words), stop, {
      moreMs: bytes / hashedBytesPerMs,
    });
    return stdout.split('\n').map((line) => line.trim());
  };
  for (const batch of batchesOf(deliveries, words)) {
    const first = await states(batch, signal);
    await inLanes(batch.entries(), { lanes, signal }, async ([index, delivery], stop) => {
      let state = first[index] ?? '';
      for (let attempt = 0; ; attempt++) {
        if (await placeFile(transport, delivery, state, stop)) return;
        if (attempt > 0)
          throw new BiphaseError(
            'damaged',
            `${delivery.target} arrived damaged on ${transport.description}.`,
            {
              next: 'Reconnect the node; check its disk if it happens again.',
            },
          );
        state = (await states([delivery], stop))[0] ?? '';
      }
    });
  }
}

/** Works through items, some at the same time. The first failure ends the others and is the one that is thrown. */
async function inLanes<T>(
  items: IterableIterator<T>,
  { lanes, signal }: { lanes: number; signal: AbortSignal },
  work: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const lane = async (): Promise<void> => {
    try {
      for (const item of items) await work(item, stop);
    } catch (error) {
      failed.abort(error);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** One attempt from what `state` says is there; false where the file arrived damaged. */
async function placeFile(
  transport: Transport,
  delivery: Delivery,
  state: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { parcel, target, part, onBytes } = delivery;
  if (state === 'complete') {
    onBytes(parcel.size);
    return true;
  }
  const offset = await offsetAfter(state, parcel);
  if (offset === undefined) await runScript(transport, 'rm -f "$1"', [part], signal);
  const argv = [target, part, parcel.sha256, parcel.mode, String(parcel.size)];
  const channel = await transport.exec(['sh', '-c', sendScript, 'sh', ...argv], { signal });
  channel.stdout.resume();
  let complaint = '';
  channel.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  channel.stdin.on('error', () => undefined);
  const there = offset ?? 0;
  let failure: unknown;
  try {
    await sendBytes(channel, parcel.read(there), (taken) => onBytes(there + taken));
  } catch (error) {
    failure = error;
  }
  channel.stdin.end();
  const exit = await channel.exit;
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Copying to ${transport.description} was cancelled.`);
  if (failure !== undefined) throw toBiphaseError(failure);
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

/** Where a half parcel goes on; undefined where what is there is not its beginning. */
async function offsetAfter(state: string, parcel: FileParcel): Promise<number | undefined> {
  const [, digits, found] = /^(\d+)(?: ([0-9a-f]{64}))?$/.exec(state) ?? [];
  const offset = Number(digits);
  if (digits === undefined || offset > parcel.size) return undefined;
  if (offset === 0 || found === undefined) return offset;
  const hash = createHash('sha256');
  let left = offset;
  for await (const chunk of parcel.read(0)) {
    hash.update(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  return hash.digest('hex') === found ? offset : undefined;
}
