import { createHash } from 'node:crypto';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BiphaseError, toBiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import type { Parcel } from './parcel.ts';
import { ownCode, runScript } from './remoteScript.ts';
import type { Stage } from './stage.ts';

/**
 * Appends to a parcel and prints the SHA-256 of all of it, which openssl counts while it arrives: it is several times as
 * fast as the others, which read the parcel afterwards. A word then says whether that is right: the files are taken out
 * and the stage gets its name. Another client may have been first: then its folder, which holds the same bytes, stays
 * (and a stage that \`mv\` put inside it is removed). A cut link looks like an end of the input.
 * Parameters: stage, folder, what to check, parcel, size when whole, bytes that are missing, packed or plain; for one
 * file its folder, name and mode.
 */
const sendScript = `
umask 077
trap '' PIPE
stage=$1; folder=$2; check=$3; part=$4; size=$5; missing=$6; packed=$7; shift 7
: >> "$part" || exit 7
take() { if [ "$missing" -gt 0 ]; then head -c "$missing"; fi; }
found=
if command -v openssl >/dev/null 2>&1
then found=$({ if [ -s "$part" ]; then cat "$part"; fi; take | tee -a "$part"; } | openssl dgst -sha256 -r 2>/dev/null)
else take >> "$part" || exit 7; fi
[ "$(wc -c < "$part")" -eq "$size" ] || exit 8
if [ -n "$found" ]; then :
elif command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum < "$part")
elif command -v shasum >/dev/null 2>&1; then found=$(shasum -a 256 < "$part")
else found=$(sha256 -q < "$part"); fi
[ -n "$found" ] || exit 5
printf '%s\\n' "\${found%% *}"
read -r word || exit 8
if [ "$word" != right ]; then rm -f "$part"; exit 4; fi
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
  if (!(there <= parcel.size)) return false;
  const hash = createHash('sha256');
  let unreadable: unknown;
  async function* rest(): AsyncGenerator<Buffer> {
    const source = parcel.bytes();
    try {
      for (let at = 0; ; ) {
        const chunk = await source.next().then(
          ({ value }) => value,
          (error: unknown) => {
            unreadable = error;
          },
        );
        if (!chunk) return;
        hash.update(chunk);
        const known = Math.min(chunk.length, Math.max(0, there - at));
        at += chunk.length;
        if (known < chunk.length) yield chunk.subarray(known);
        onBytes(at);
      }
    } finally {
      await source.return(undefined);
    }
  }
  const { load, packed, size } = parcel;
  const [file, ...others] = load.files;
  const one =
    others.length > 0 ? [] : [path.posix.dirname(file!.path), path.posix.basename(file!.path), file!.mode];
  const numbers = [String(size), String(size - there)];
  const parameters = [stage, load.folder, load.check, part, ...numbers, packed ? 'packed' : 'plain', ...one];
  const channel = await transport.exec(['sh', '-c', sendScript, 'sh', ...parameters], { signal });
  let complaint = '';
  channel.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  let answer = '';
  const answered = new Promise<void>((resolve) => {
    channel.stdout.on('data', (chunk: Buffer) => {
      answer = (answer + chunk.toString()).slice(-2000);
      if (answer.endsWith('\n')) resolve();
    });
  });
  await pipeline(Readable.from(rest(), { highWaterMark: 1 }), channel.stdin, { signal, end: false }).catch(
    () => {},
  );
  if (unreadable === undefined) {
    await Promise.race([answered, channel.exit]);
    const right = answer.trim().split('\n').at(-1) === hash.digest('hex');
    channel.stdin.end(right ? 'right\n' : 'wrong\n');
  } else channel.stdin.end();
  const exit = await channel.exit;
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Copying to ${transport.description} was cancelled.`);
  if (unreadable !== undefined) throw toBiphaseError(unreadable);
  const code = ownCode(exit, transport);
  if (code === 0) return true;
  if (code === 4 || code === 8) {
    if (!isFull(complaint)) return false;
  }
  throw failure(code, complaint, parcel, transport);
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
