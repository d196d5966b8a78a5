import { BiphaseError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';

/** A command that the ssh configuration wants to have run on this computer. */
export interface ConfigCommand {
  keyword: 'ProxyCommand' | 'Match exec';
  /** As the shell gets it, with tokens filled in. */
  text: string;
  /** Where it is written. */
  file: string;
  line: number;
}

/** Thrown where it depends on a command how the configuration goes on. */
export class UnansweredCommand extends BiphaseError {
  readonly command: ConfigCommand;

  constructor(command: ConfigCommand) {
    super('needs-person', `The ssh configuration runs a command: ${placeOf(command)}.`, {
      next: 'Reconnect the node to answer.',
    });
    this.command = command;
  }
}

/** `ProxyCommand in line 7 of /home/me/.ssh/config` */
export function placeOf({ keyword, file, line }: ConfigCommand): string {
  return `${keyword} in line ${line} of ${printable(file)}`;
}

/** Tokens that hold names which come from elsewhere than the configuration. */
const hostTokens = ['h', 'j', 'k', 'n'];
const userTokens = ['r', 'u'];

/**
 * Fills tokens into a command. As OpenSSH does, names that a shell would take for more than names are refused.
 * @throws BiphaseError `refused`; `usage` for a token that is none
 */
export function expandCommand(
  written: Omit<ConfigCommand, 'text'> & { text: string },
  tokens: Record<string, string>,
): ConfigCommand {
  const text = written.text.replace(/%(.?)/gs, (whole, letter: string) => {
    const value = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined;
    if (value === undefined)
      throw new BiphaseError('usage', `${placeOf(written)} has ${printable(whole)}, which is no token.`, {
        next: 'Write %% for a percent sign.',
      });
    if (hostTokens.includes(letter)) needHostName(value);
    if (userTokens.includes(letter)) needUserName(value);
    return value;
  });
  return { ...written, text };
}

/** @throws BiphaseError `refused` for what a shell may take for more than a host's name */
export function needHostName(name: string): void {
  if (!/^-|['`"$\\;&<>|(){}\s\p{Cc}]/u.test(name)) return;
  throw new BiphaseError('refused', `"${printable(name)}" is no host name: it has characters of a shell.`, {
    next: 'Correct it in the node or in the ssh configuration.',
  });
}

/** @throws BiphaseError `refused` for what a shell may take for more than a user's name */
function needUserName(name: string): void {
  if (!/^-|['`";&<>|(){}\p{Cc}]|\s-|\\$/u.test(name)) return;
  throw new BiphaseError('refused', `"${printable(name)}" is no user name: it has characters of a shell.`, {
    next: 'Correct it in the node or in the ssh configuration.',
  });
}
