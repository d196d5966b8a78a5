import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { BiphaseError } from '../../core/errors.ts';
import type { ExecChannel, ExecExit, OnProgress, Transport } from './transport.ts';

/** Commands and files on this computer. */
export class LocalTransport implements Transport {
  readonly description = 'this computer';
  readonly closed: Promise<BiphaseError | undefined>;
  readonly #channels = new Set<ExecChannel>();
  #close: () => void = () => undefined;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#close = () => resolve(undefined);
    });
  }

  async exec(argv: readonly string[], options: { signal?: AbortSignal } = {}): Promise<ExecChannel> {
    const [program, ...rest] = argv;
    if (program === undefined) throw new BiphaseError('internal', 'A command without a program.');
    const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new BiphaseError('missing', `${program} cannot be started: ${cause.message}.`, { cause })),
      );
    });
    child.stdin.on('error', () => undefined);
    const exit = new Promise<ExecExit>((resolve) => {
      child.once('close', (code, signal) => resolve({ known: true, code, signal }));
    });
    const channel: ExecChannel = {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exit,
      close: () => {
        child.stdin.end();
        child.kill('SIGTERM');
      },
    };
    this.#channels.add(channel);
    void exit.then(() => this.#channels.delete(channel));
    if (options.signal?.aborted) channel.close();
    options.signal?.addEventListener('abort', channel.close, { once: true });
    return channel;
  }

  async upload(localFile: string, remotePath: string, onProgress?: OnProgress): Promise<void> {
    await copy(localFile, remotePath);
    onProgress?.(1);
  }

  async download(remotePath: string, localFile: string, onProgress?: OnProgress): Promise<void> {
    await copy(remotePath, localFile);
    onProgress?.(1);
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
    this.#close();
  }
}

async function copy(from: string, to: string): Promise<void> {
  const part = `${to}.${randomBytes(4).toString('hex')}.part`;
  try {
    await fs.promises.copyFile(from, part);
    await fs.promises.rename(part, to);
  } finally {
    await fs.promises.rm(part, { force: true });
  }
}
