import { Duplex } from 'node:stream';
import { scaledMs } from '../../../core/clock.ts';
import { printable } from '../../../core/printable.ts';
import { readLines } from '../lines.ts';
import { type ShellCommand, startCommand } from './shellCommand.ts';
import type { SshSources } from './sshConfig.ts';

/** What a command that has closed its output has to end by itself. */
const lastWordsMs = 500;

/** A `ProxyCommand` as the way to a host: what is written is its input, what is read is its output. */
export class ProxySocket extends Duplex {
  /** How it ended, where that was no success: `code 1: no route to host`. */
  problem: string | undefined;
  readonly #command: ShellCommand;

  private constructor(command: ShellCommand, log: (line: string) => void) {
    super();
    this.#command = command;
    const { stdout, stderr } = command.child;
    let lastLine = '';
    readLines(stderr, (line) => {
      lastLine = printable(line);
      log(`ProxyCommand: ${lastLine}`);
    });
    stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause();
    });
    stdout.once('end', () => setTimeout(() => command.stop(), scaledMs(lastWordsMs)).unref());
    // The reader hears of the end together with its reason.
    void command.over.then(({ code, signal }) => {
      const last = lastLine && `: ${lastLine}`;
      if (code !== 0) this.problem = `${signal ?? `code ${code}`}${last}`;
      this.push(null);
    });
    this.once('end', () => this.destroy());
  }

  /**
   * Starts the command; `log` gets what it says.
   * @throws BiphaseError `missing` where the shell does not start
   */
  static async open(
    text: string,
    sources: Pick<SshSources, 'environment' | 'home'>,
    log: (line: string) => void,
  ): Promise<ProxySocket> {
    return new ProxySocket(await startCommand(text, sources, { replace: true }), log);
  }

  override _read(): void {
    this.#command.child.stdout.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#command.child.stdin.write(chunk, encoding, () => done());
  }

  override _final(done: () => void): void {
    this.#command.child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#command.stop();
    done(error);
  }
}
