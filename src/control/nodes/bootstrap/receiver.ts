import path from 'node:path';
import { BiphaseError, toBiphaseError } from '../../../core/errors.ts';
import { sendBytes } from '../sendBytes.ts';
import type { ExecChannel, Transport } from '../transport.ts';
import type { Load, Parcel } from './parcel.ts';
import { ownCode } from './remoteScript.ts';

/**
 * Waits for a line that says what comes (size of the parcel, packed or plain, SHA-256), and appends what follows to the
 * parcel. An archive is opened while its SHA-256 is made; where that is right, the folder with the files gets its name. A
 * cut link looks like an end of the input. Another client may have been first: then its folder, which holds the same
 * bytes, stays (and what `mv` put inside it is removed). openssl is several times as fast as the other tools. Parameters: stage, folder,
 * what to check, id of the load; for one file its folder, name and mode.
 */
const receiveScript = `
umask 077
stage=$1; folder=$2; check=$3; id=$4; shift 4
fail() { wait; exit "$1"; }
read -r size packed wanted || exit 8
part=$stage/$id.$packed.part
cat >> "$part" || exit 7
if [ $# -eq 0 ]; then
  whole=$stage/.open
  command -v tar >/dev/null 2>&1 || exit 9
  rm -rf "$whole"; mkdir "$whole" || exit 7
  if [ "$packed" = packed ]; then gzip -dc < "$part" | tar -xf - -C "$whole"; else tar -xf "$part" -C "$whole"; fi &
  opening=$!
fi
found=
if command -v openssl >/dev/null 2>&1; then found=$(openssl dgst -sha256 -r < "$part" 2>/dev/null); fi
if [ -n "$found" ]; then :
elif command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum < "$part")
elif command -v shasum >/dev/null 2>&1; then found=$(shasum -a 256 < "$part")
else found=$(sha256 -q < "$part"); fi
[ -n "$found" ] || fail 5
if [ "\${found%% *}" != "$wanted" ]; then
  [ "$(wc -c < "$part")" -eq "$size" ] || fail 8
  rm -f "$part"
  fail 4
fi
if [ $# -eq 0 ]; then
  wait "$opening" || exit 1
else
  whole=$stage
  mkdir -p "$stage/$1" || exit 1
  if [ "$packed" = packed ]; then gzip -dc < "$part" > "$stage/$1/$2"; else mv -f "$part" "$stage/$1/$2"; fi || exit 1
  chmod "$3" "$stage/$1/$2" || exit 1
  rm -f "$stage"/*.part*
fi
if [ "$check" = node ]; then "$whole/bin/node" -p process.versions.node </dev/null >/dev/null || exit 6; fi
if [ ! -d "$folder" ]; then mv "$whole" "$folder" 2>/dev/null || [ -d "$folder" ] || exit 1; fi
if [ -d "$stage" ] || [ -d "$folder/\${whole##*/}" ]; then rm -rf "$stage" "$folder/\${whole##*/}"; fi
`;

/** A command on the node that waits for a parcel. */
export class Receiver {
  readonly #transport: Transport;
  readonly #load: Load;
  readonly #signal: AbortSignal;
  readonly #channel: ExecChannel;
  #complaint = '';
  #unreadable: unknown;

  private constructor(transport: Transport, load: Load, signal: AbortSignal, channel: ExecChannel) {
    this.#transport = transport;
    this.#load = load;
    this.#signal = signal;
    this.#channel = channel;
    channel.stdin.on('error', () => {});
    channel.stdout.resume();
    channel.stderr.on('data', (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-2000);
    });
  }

  /** `stage` need not be there before something is sent. */
  static async open(transport: Transport, load: Load, stage: string, signal: AbortSignal): Promise<Receiver> {
    const [file, ...others] = load.files;
    const one =
      others.length > 0 ? [] : [path.posix.dirname(file!.path), path.posix.basename(file!.path), file!.mode];
    const parameters = [stage, load.folder, load.check, load.id, ...one];
    const channel = await transport.exec(['sh', '-c', receiveScript, 'sh', ...parameters], { signal });
    return new Receiver(transport, load, signal, channel);
  }

  /** Sends what comes after `there` bytes, as fast as it is taken. */
  async send(
    { size, packed, sha256, bytes }: Parcel,
    there: number,
    onBytes: (sent: number) => void,
  ): Promise<void> {
    this.#channel.stdin.write(`${size} ${packed ? 'packed' : 'plain'} ${sha256}\n`);
    try {
      await sendBytes(this.#channel, bytes(there), (taken) => onBytes(there + taken));
    } catch (thrown) {
      this.#unreadable = thrown;
    }
    this.#channel.stdin.end();
  }

  /**
   * Whether the load is in its place; false where what lies there is something else than was sent.
   * @throws BiphaseError as `ParcelSender.send`
   */
  async ended(): Promise<boolean> {
    const exit = await this.#channel.exit;
    if (this.#signal.aborted)
      throw new BiphaseError('cancelled', `Copying to ${this.#transport.description} was cancelled.`);
    if (this.#unreadable !== undefined) throw toBiphaseError(this.#unreadable);
    const code = ownCode(exit, this.#transport);
    if (code === 0) return true;
    if ((code === 4 || code === 8) && !isFull(this.#complaint)) return false;
    throw failure(code, this.#complaint, this.#load, this.#transport);
  }

  /** Ends a command that nothing was sent to. */
  close(): void {
    this.#channel.close();
  }
}

const isFull = (complaint: string): boolean => /no space left|quota exceeded/i.test(complaint);

function failure(code: number, complaint: string, load: Load, transport: Transport): BiphaseError {
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
