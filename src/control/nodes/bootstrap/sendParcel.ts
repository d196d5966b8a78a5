import { createHash } from 'node:crypto';
import path from 'node:path';
import { BiphaseError, toBiphaseError } from '../../../core/errors.ts';
import type { ExecChannel, Transport } from '../transport.ts';
import type { Parcel } from './parcel.ts';
import { ownCode, runScript } from './remoteScript.ts';
import type { Stage } from './stage.ts';

const hashLength = 64;

/**
 * Appends stdin to a parcel. Where its SHA-256 is not known before, it comes behind the parcel, in hexadecimal, and is
 * taken off. Where the parcel has it, the files are taken out and the stage gets its name. A cut link looks like an end of
 * the input. Another client may have been first: then its folder, which holds the same bytes, stays (and a stage that
 * `mv` put inside it is removed). openssl is several times as fast as the other tools. Parameters: stage, folder, what to
 * check, parcel, its size, packed or plain, SHA-256 or nothing; for one file its folder, name and mode.
 */
const sendScript = `
umask 077
stage=$1; folder=$2; check=$3; part=$4; size=$5; packed=$6; wanted=$7; shift 7
cat >> "$part" || exit 7
if [ -z "$wanted" ]; then
  [ "$(wc -c < "$part")" -eq $((size + 64)) ] || exit 8
  wanted=$(tail -c 64 "$part")
  dd if=/dev/null of="$part" bs=1 seek="$size" 2>/dev/null || exit 7
fi
found=
if command -v openssl >/dev/null 2>&1; then found=$(openssl dgst -sha256 -r < "$part" 2>/dev/null); fi
if [ -n "$found" ]; then :
elif command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum < "$part")
elif command -v shasum >/dev/null 2>&1; then found=$(shasum -a 256 < "$part")
else found=$(sha256 -q < "$part"); fi
[ -n "$found" ] || exit 5
if [ "\${found%% *}" != "$wanted" ]; then
  [ "$(wc -c < "$part")" -eq "$size" ] || exit 8
  rm -f "$part"
  exit 4
fi
if [ $# -eq 0 ]; then
  command -v tar >/dev/null 2>&1 || exit 9
  if [ "$packed" = packed ]; then gzip -dc < "$part" | tar -xf - -C "$stage"; else tar -xf "$part" -C "$stage"; fi || exit 1
else
  mkdir -p "$stage/$1" || exit 1
  if [ "$packed" = packed ]; then gzip -dc < "$part" > "$stage/$1/$2"; else mv -f "$part" "$stage/$1/$2"; fi || exit 1
  chmod "$3" "$stage/$1/$2" || exit 1
fi
rm -f "$stage"/*.part*
if [ "$check" = node ]; then "$stage/bin/node" -p process.versions.node </dev/null >/dev/null || exit 6; fi
if [ ! -d "$folder" ]; then mv "$stage" "$folder" 2>/dev/null || [ -d "$folder" ] || exit 1; fi
if [ -d "$stage" ] || [ -d "$folder/\${stage##*/}" ]; then rm -rf "$stage" "$folder/\${stage##*/}"; fi
`;

/**
 * Brings a parcel to the node and opens it: continues a half one, and compares the SHA-256 of what lies there in the end
 * with that of what was read here. One that arrived damaged is sent anew once.
 * @throws BiphaseError `full`, `missing` (a tool, or a Node that does not start), `refused` where nothing can be written,
 * `damaged`.
 */
export async function sendParcel(
  transport: Transport,
  parcel: Parcel,
  stage: Stage,
  onBytes: (sent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { part, there } = parcel.packed ? stage.packed : stage.plain;
  if (await send(transport, parcel, stage.folder, { part, there }, onBytes, signal)) return;
  await runScript(transport, 'rm -f "$1"', [part], signal);
  if (await send(transport, parcel, stage.folder, { part, there: 0 }, onBytes, signal)) return;
  throw new BiphaseError('damaged', `${parcel.load.folder} arrived damaged on ${transport.description}.`, {
    next: 'Reconnect the node; check its disk if it happens again.',
  });
}

/** One attempt from `there` bytes on; false where what lies there is something else than was sent. */
async function send(
  transport: Transport,
  parcel: Parcel,
  stage: string,
  { part, there }: { part: string; there: number },
  onBytes: (sent: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const { load, packed, size, sha256 } = parcel;
  if (!(there <= size + (sha256 === null ? hashLength : 0))) return false;
  const [file, ...others] = load.files;
  const one =
    others.length > 0 ? [] : [path.posix.dirname(file!.path), path.posix.basename(file!.path), file!.mode];
  const how = [load.check, part, String(size), packed ? 'packed' : 'plain', sha256 ?? ''];
  const argv = ['sh', '-c', sendScript, 'sh', stage, load.folder, ...how, ...one];
  const channel = await transport.exec(argv, { signal });
  channel.stdout.resume();
  let complaint = '';
  channel.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  let unreadable: unknown;
  try {
    await write(channel, sha256 === null ? hashed(parcel.bytes()) : parcel.bytes(), there, onBytes);
  } catch (thrown) {
    unreadable = thrown;
  }
  channel.stdin.end();
  const exit = await channel.exit;
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Copying to ${transport.description} was cancelled.`);
  if (unreadable !== undefined) throw toBiphaseError(unreadable);
  const code = ownCode(exit, transport);
  if (code === 0) return true;
  if ((code === 4 || code === 8) && !isFull(complaint)) return false;
  throw failure(code, complaint, parcel, transport);
}

/** The bytes, and behind them their SHA-256. */
async function* hashed(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  yield Buffer.from(hash.digest('hex'));
}

/** Writes what comes after the first `there` bytes, as fast as it is taken; gives up when the command has ended. */
async function write(
  { stdin, exit }: ExecChannel,
  bytes: AsyncIterable<Buffer>,
  there: number,
  onBytes: (sent: number) => void,
): Promise<void> {
  let ended = false;
  stdin.on('error', () => {});
  const over = exit.then(() => {
    ended = true;
  });
  let at = 0;
  for await (const chunk of bytes) {
    const known = Math.min(chunk.length, Math.max(0, there - at));
    at += chunk.length;
    onBytes(at);
    if (known === chunk.length) continue;
    if (!stdin.write(chunk.subarray(known)))
      await Promise.race([new Promise<void>((resolve) => stdin.once('drain', () => resolve())), over]);
    if (ended) return;
  }
}

const isFull = (complaint: string): boolean => /no space left|quota exceeded/i.test(complaint);

function failure(code: number, complaint: string, { load }: Parcel, transport: Transport): BiphaseError {
  const where = transport.description;
  const detail = complaint.trim().split('\n').at(-1) ?? '';
  if (isFull(complaint))
    return new BiphaseError('full', `The disk of ${where} is full.`, {
      next: 'Free space there, or set another root for this node.',
    });
  if (code === 5)
    return new BiphaseError('missing', `${where} has no tool to check a SHA-256.`, {
      next: 'Install coreutils or openssl there.',
    });
  if (code === 6)
    return new BiphaseError(
      'missing',
      `The copied Node does not start on ${where}: ${detail || 'it printed nothing.'}`,
      { next: 'Install Node 24 there and name it in the node’s settings.' },
    );
  if (code === 9) return new BiphaseError('missing', `${where} has no tar.`, { next: 'Install tar there.' });
  return new BiphaseError(
    'refused',
    `${load.folder} cannot be written on ${where}${detail && `: ${detail}`}.`,
  );
}
