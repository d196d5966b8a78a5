import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';

const scriptTimeoutMs = 60_000;

export interface ScriptOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a constant script with `sh` on a node; data travels as positional parameters only, and `input` on its stdin.
 * @throws BiphaseError `unreachable` when the link dies or no answer comes in time; exit codes are the caller's affair.
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
  const [stdout, stderr, exit] = await Promise.all([
    textOf(channel.stdout),
    textOf(channel.stderr),
    channel.exit,
  ]);
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Preparing ${transport.description} was cancelled.`);
  if (limit.aborted)
    throw new BiphaseError(
      'unreachable',
      `${transport.description} did not finish a preparation step in time.`,
    );
  if (!exit.known) throw exit.reason;
  return { code: exit.code, stdout, stderr };
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  } catch {
    // The exit says what happened.
  }
  return Buffer.concat(chunks).toString();
}
