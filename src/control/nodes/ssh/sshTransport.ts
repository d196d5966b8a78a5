import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError } from '../../../core/errors.ts';
import type { ExecChannel, ExecExit, OnProgress, Transport } from '../transport.ts';
import type { SshConnection } from './connect.ts';
import { quoteForShell } from './remoteShell.ts';

const openTimeoutMs = 20_000;
/** A host that allows few sessions at once may not have noticed yet that the last one is over. */
const openGapsMs = [50, 100, 200, 400, 800];
const chunkBytes = 256 * 1024;
const stderrLimit = 4096;

/** Receives into a temporary file; it takes the name only when every byte is there, because a cut link looks like an end. */
const receiveScript =
  'umask 077; cat > "$2" || exit 1; [ "$(wc -c < "$2")" -eq "$3" ] || { rm -f "$2"; exit 3; }; mv -f "$2" "$1"';

/** Commands and files over one SSH connection. */
export class SshTransport implements Transport {
  readonly description: string;
  readonly notes: readonly string[];
  readonly closed: Promise<BiphaseError | undefined>;
  readonly #connection: SshConnection;

  constructor(connection: SshConnection) {
    this.#connection = connection;
    const { user, host, port } = connection.target;
    this.description = `${user}@${host}:${port}`;
    this.notes = connection.notes;
    this.closed = connection.closed;
  }

  close(): void {
    this.#connection.close();
  }

  async exec(argv: readonly string[], options: { signal?: AbortSignal } = {}): Promise<ExecChannel> {
    const channel = await this.#openInTime(quoteForShell(argv), options.signal);
    const exit = new Promise<ExecExit>((resolve) => {
      // 'exit' may come in the same packet as the channel itself, before anyone listens; 'close' repeats what it said.
      channel.on('close', (code?: number | null, signal?: string) => {
        if (code !== undefined) resolve({ known: true, code, signal: signal ?? null });
        else
          resolve({
            known: false,
            reason: new BiphaseError(
              'unreachable',
              `A command on ${this.description} ended without an answer.`,
            ),
          });
      });
      void this.closed.then((reason) => resolve({ known: false, reason: reason ?? this.#gone() }));
    });
    // A dead link must end both directions, or a reader waits for ever.
    void this.closed.then(() => channel.destroy());
    channel.on('error', () => {});
    channel.stderr.on('error', () => {});
    const close = (): void => {
      // sshd passes the end of input on; a command that ignores it gets the signal.
      channel.signal('TERM');
      channel.close();
    };
    const { signal } = options;
    if (signal) {
      if (signal.aborted) close();
      signal.addEventListener('abort', close);
      void exit.then(() => signal.removeEventListener('abort', close));
    }
    return { stdin: channel, stdout: channel, stderr: channel.stderr, exit, close };
  }

  async upload(
    localFile: string,
    remotePath: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const { size } = await fs.promises.stat(localFile);
    const part = `${remotePath}.${randomBytes(4).toString('hex')}.part`;
    const argv = ['sh', '-c', receiveScript, 'sh', remotePath, part, String(size)];
    const channel = await this.exec(argv, { signal });
    channel.stdout.resume();
    const complaint = tail(channel.stderr);
    const sent = pipeline(
      fs.createReadStream(localFile, { highWaterMark: chunkBytes }),
      counting(size, onProgress),
      channel.stdin,
      { signal },
    );
    const [, exit] = await Promise.all([sent.catch(() => {}), channel.exit]);
    this.#check(exit, signal, `${remotePath} could not be written`, complaint());
  }

  async download(
    remotePath: string,
    localFile: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void> {
    const script = 'wc -c < "$1" && cat "$1"';
    const channel = await this.exec(['sh', '-c', script, 'sh', remotePath], { signal });
    channel.stdin.end();
    const complaint = tail(channel.stderr);
    const part = `${localFile}.part`;
    try {
      let size: number | undefined;
      const body = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          if (size !== undefined) return done(null, chunk);
          head = Buffer.concat([head, chunk]);
          const newline = head.indexOf(0x0a);
          if (newline < 0) return done();
          size = Number(head.subarray(0, newline).toString());
          done(null, head.subarray(newline + 1));
        },
      });
      let head: Buffer = Buffer.alloc(0);
      let received = 0;
      body.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (size) onProgress?.(Math.min(1, received / size));
      });
      const written = pipeline(channel.stdout, body, fs.createWriteStream(part, { mode: 0o600 }), { signal });
      const failure = await written.then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error,
      );
      this.#check(await channel.exit, signal, `${remotePath} could not be read`, complaint());
      if (failure) throw failure;
      if (received !== size)
        throw new BiphaseError(
          'damaged',
          `${remotePath} changed while it was read: ${received} of ${size} bytes came.`,
        );
      await fs.promises.rename(part, localFile);
    } finally {
      await fs.promises.rm(part, { force: true });
    }
  }

  async #openInTime(command: string, signal: AbortSignal | undefined): Promise<ClientChannel> {
    for (const gap of openGapsMs) {
      try {
        return await this.#open(command, signal);
      } catch (error) {
        if (!/channel open failure/i.test(String((error as Error).cause))) throw error;
        await sleep(scaledMs(gap));
      }
    }
    return this.#open(command, signal);
  }

  #open(command: string, signal: AbortSignal | undefined): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const fail = (sentence: string, cause?: Error): void =>
        reject(new BiphaseError('unreachable', sentence, { cause }));
      if (signal?.aborted) return reject(new BiphaseError('cancelled', 'The command was cancelled.'));
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        fail(`${this.description} did not start a command in time.`);
      }, scaledMs(openTimeoutMs));
      void this.closed.then((reason) => reject(reason ?? this.#gone()));
      try {
        this.#connection.client.exec(command, (error, channel) => {
          clearTimeout(timer);
          if (error) fail(`${this.description} did not start a command: ${error.message}.`, error);
          // It came after the time was up: nobody waits for it any more.
          else if (late) channel.close();
          else resolve(channel);
        });
      } catch {
        clearTimeout(timer);
        fail(`The connection to ${this.description} is closed.`);
      }
    });
  }

  #check(exit: ExecExit, signal: AbortSignal | undefined, what: string, complaint: string): void {
    if (signal?.aborted) throw new BiphaseError('cancelled', 'The transfer was cancelled.');
    if (!exit.known) throw exit.reason;
    if (exit.code === 0) return;
    const full = /no space left|quota exceeded/i.test(complaint);
    const detail = complaint.trim().split('\n').at(-1) ?? '';
    throw new BiphaseError(
      full ? 'full' : 'missing',
      full
        ? `The disk of ${this.description} is full.`
        : `${what} on ${this.description}${detail && `: ${detail}`}.`,
    );
  }

  #gone(): BiphaseError {
    return new BiphaseError('unreachable', `The connection to ${this.description} was closed.`);
  }
}

function counting(size: number, onProgress: OnProgress | undefined): Transform {
  let sent = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      onProgress?.(size === 0 ? 1 : sent / size);
      done(null, chunk);
    },
  });
}

/** Reads a stream to its end and keeps its last bytes as text. */
function tail(stream: Readable): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-stderrLimit);
  });
  return () => text;
}
