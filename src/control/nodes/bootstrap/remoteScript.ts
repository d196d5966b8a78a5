import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';

const scriptTimeoutMs = 60_000;
/** No script of ours prints as much. */
const mostBytes = 1 << 20;

export interface ScriptOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a constant script with `sh` on a node; data travels as positional parameters only, and `input` on its stdin.
 * @throws BiphaseError `unreachable` when the link dies or no answer comes in time, `refused` when the node does not stop
 * printing; exit codes are the caller's affair.
 */
export async function runScript(
  transport: Transport,
  script: string,
  parameters: readonly string[],
  signal: AbortSignal,
): Promise<ScriptOutcome> {
  const limit = AbortSignal.timeout(scaledMs(scriptTimeoutMs));
  const channel = await transport.exec(['sh', '-c', script, 'sh', ...parameters], {
    signal: AbortSignal.any([signal, limit]),
  });
  channel.stdin.on('error', () => {});
  channel.stdin.end();
  let flooded = false;
  const flood = (): void => {
    if (flooded) return;
    flooded = true;
    channel.close();
  };
  const [stdout, stderr, exit] = await Promise.all([
    textOf(channel.stdout, flood),
    textOf(channel.stderr, flood),
    channel.exit,
  ]);
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Preparing ${transport.description} was cancelled.`);
  if (flooded)
    throw new BiphaseError('refused', `${transport.description} prints without end.`, {
      next: "Look into the start files of that machine's shell.",
    });
  if (limit.aborted)
    throw new BiphaseError(
      'unreachable',
      `${transport.description} did not finish a preparation step in time.`,
    );
  if (!exit.known) throw exit.reason;
  return { code: exit.code, stdout, stderr };
}

/** What a stream says; `flood` is called, and the rest dropped, when that is too much. */
async function textOf(stream: AsyncIterable<Buffer>, flood: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes <= mostBytes) chunks.push(Buffer.from(chunk));
      else flood();
    }
  } catch {
    // The exit says what happened.
  }
  return Buffer.concat(chunks).toString();
}
