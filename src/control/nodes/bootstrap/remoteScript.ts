import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError } from '../../../core/errors.ts';
import type { ExecExit, Transport } from '../transport.ts';

const scriptTimeoutMs = 60_000;
/** No script of ours prints as much. */
const mostBytes = 1 << 20;

export interface ScriptOutcome {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a constant script with `sh` on a node; data travels as positional parameters only, and `input` on its stdin.
 * @throws BiphaseError `unreachable` when the link dies, a signal ends the script or no answer comes in time, `refused`
 * when the node does not stop printing; exit codes are the caller's affair. `moreMs`: milliseconds that it may take beyond
 * a minute.
 */
export async function runScript(
  transport: Transport,
  script: string,
  parameters: readonly string[],
  signal: AbortSignal,
  { moreMs = 0 } = {},
): Promise<ScriptOutcome> {
  const limit = AbortSignal.timeout(scaledMs(scriptTimeoutMs) + Math.ceil(moreMs));
  const flood = new AbortController();
  const stop = AbortSignal.any([signal, limit, flood.signal]);
  const channel = await transport.exec(['sh', '-c', script, 'sh', ...parameters], { signal: stop });
  channel.stdin.on('error', () => {});
  channel.stdin.end();
  const ended = Promise.all([textOf(channel.stdout, flood), textOf(channel.stderr, flood), channel.exit]);
  // A command that hangs keeps its channel: it is told to end, and not waited for.
  const outcome = await Promise.race([ended, aborted(stop)]);
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Preparing ${transport.description} was cancelled.`);
  if (flood.signal.aborted)
    throw new BiphaseError('refused', `${transport.description} prints without end.`, {
      next: "Look into the start files of that machine's shell.",
    });
  if (!outcome)
    throw new BiphaseError(
      'unreachable',
      `${transport.description} did not finish a preparation step in time.`,
    );
  const [stdout, stderr, exit] = outcome;
  return { code: ownCode(exit, transport), stdout, stderr };
}

/**
 * The exit code that a script gave itself. One that was ended by a signal, as by a node that goes down, did not judge
 * the node: throws `unreachable`, as for a lost link. Login shells tell of a signal as a code above 128.
 */
export function ownCode(exit: ExecExit, transport: Transport): number {
  if (!exit.known) throw exit.reason;
  if (exit.code !== null && exit.code <= 128) return exit.code;
  const how = exit.signal ?? `code ${exit.code}`;
  throw new BiphaseError(
    'unreachable',
    `A preparation step on ${transport.description} was ended by ${how}.`,
  );
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** What a stream says; `flood` is aborted, and the rest dropped, when that is too much. */
async function textOf(stream: AsyncIterable<Buffer>, flood: AbortController): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes <= mostBytes) chunks.push(Buffer.from(chunk));
      else flood.abort();
    }
  } catch {
    // The exit says what happened.
  }
  return Buffer.concat(chunks).toString();
}
