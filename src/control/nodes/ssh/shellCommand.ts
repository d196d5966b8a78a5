import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError } from '../../../core/errors.ts';
import type { SshSources } from './sshConfig.ts';

/** What a command that was told to end has before it is made to. */
const endWaitMs = 2000;

interface CommandEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A command of this computer's shell, with everything that it started in a process group of its own. */
export interface ShellCommand {
  child: ChildProcessWithoutNullStreams;
  /** Resolves when it has ended; what it left running may still write. */
  ended: Promise<CommandEnd>;
  /** Resolves when it has ended and all output was read. */
  over: Promise<CommandEnd>;
  /** Ends it and what it started. */
  stop(): void;
}

/**
 * Starts a command as ssh does: by the user's shell, in place of it where `replace`.
 * @throws BiphaseError `missing` where the shell does not start
 */
export async function startCommand(
  text: string,
  { environment, home }: Pick<SshSources, 'environment' | 'home'>,
  { replace }: { replace: boolean },
): Promise<ShellCommand> {
  const shell = environment.SHELL || '/bin/sh';
  // This process may be an editor's that was told to be Node; what a command starts is not.
  const env = { ...environment, ELECTRON_RUN_AS_NODE: undefined };
  const windows = process.platform === 'win32';
  const options = { cwd: home, env, windowsHide: true };
  const child: ChildProcessWithoutNullStreams = windows
    ? spawn(text, { ...options, shell: true })
    : spawn(shell, ['-c', replace ? `exec ${text}` : text], { ...options, detached: true });
  let open = true;
  const ended = new Promise<CommandEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const over = new Promise<CommandEnd>((resolve) => {
    child.once('close', (code, signal) => {
      open = false;
      resolve({ code, signal });
    });
  });
  // A command that no longer reads is noticed by its end.
  child.stdin.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new BiphaseError('missing', `The shell ${shell} cannot be started: ${cause.message}.`, { cause }),
      ),
    );
  });
  const send = (signal: NodeJS.Signals): void => {
    if (!open) return;
    try {
      if (windows) child.kill(signal);
      else process.kill(-child.pid!, signal);
    } catch {
      // Gone.
    }
  };
  return {
    child,
    ended,
    over,
    stop: () => {
      send('SIGTERM');
      setTimeout(() => send('SIGKILL'), scaledMs(endWaitMs)).unref();
    },
  };
}
