import { Console } from 'node:console';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { scaledMs } from '../core/clock.ts';
import { NodeRoot } from './nodeRoot.ts';
import { Outbox } from './outbox.ts';
import { ownProgram } from './ownBundle.ts';
import { thisMachine } from './processTable.ts';
import { AgentService } from './service.ts';

/** A launch that is under way when control hangs up may still finish. */
const goodbyeMs = 5000;

export interface AgentOptions {
  root: string;
  /** Runs that are started here take what other programs leave. */
  background: boolean;
}

/**
 * Serves control over two streams until the input ends. On a node this process owns: the root folder (see
 * docs/architecture.md, "Places"), nothing else. Ends by itself only after it has removed that. Answers with the exit code.
 */
export async function serveStdio(
  { root, background }: AgentOptions,
  input: Readable,
  output: Writable,
): Promise<number> {
  process.umask(0o077);
  // One stray line on stdout would break the frames.
  globalThis.console = new Console(process.stderr, process.stderr);
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) process.once(signal, () => input.destroy());
  const outbox = new Outbox(output);
  const service = new AgentService(new NodeRoot(root), thisMachine, ownProgram(), {
    outbox,
    background,
    leave: () => input.destroy(),
  });
  let exitCode = 0;
  try {
    // A reader that has gone ends the service, as the end of its questions does.
    await Promise.race([receiveAll(service, input), finished(output, { readable: false }).catch(() => {})]);
  } catch (thrown) {
    process.stderr.write(`The connection carries no frames: ${String(thrown)}\n`);
    exitCode = 1;
  }
  service.close();
  const goodbye = scaledMs(goodbyeMs);
  await Promise.race([service.settled(), sleep(goodbye, undefined, { ref: false })]);
  await Promise.race([flushed(output), sleep(goodbye, undefined, { ref: false })]);
  return exitCode;
}

async function receiveAll(service: AgentService, input: Readable): Promise<void> {
  try {
    for await (const chunk of input) service.peer.receive(chunk as Uint8Array);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE' && code !== 'ECONNRESET' && code !== 'EIO') throw thrown;
  }
}

function flushed(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (output.destroyed) resolve();
    else output.end(resolve);
  });
}
