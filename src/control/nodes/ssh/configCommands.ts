import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { readLines } from '../lines.ts';
import type { Prompter } from '../prompter.ts';
import { type ConfigCommand, placeOf, UnansweredCommand } from './configCommand.ts';
import { ProxySocket } from './proxySocket.ts';
import { startCommand } from './shellCommand.ts';
import { resolveSshTarget, type SshHop, type SshSources, type SshTarget } from './sshConfig.ts';

export interface ConfigCommandsContext {
  /** The node's name: a person agrees to a command for one node. */
  node: string;
  prompts: Prompter;
  sources: SshSources;
  signal: AbortSignal;
  /** Gets what commands say. */
  log: (line: string) => void;
}

const matchLimitSeconds = 20;

/** Runs what the ssh configuration wants to have run while one node is connected: nothing that nobody agreed to. */
export class ConfigCommands {
  readonly #context: ConfigCommandsContext;
  readonly #outcomes = new Map<string, boolean>();

  constructor(context: ConfigCommandsContext) {
    this.#context = context;
  }

  /**
   * What the configuration says about a host, with the commands of `Match exec` run.
   * @throws BiphaseError `refused` where the person said no, `needs-person` where nobody is there to be asked
   */
  async resolve(hop: SshHop): Promise<SshTarget> {
    for (;;)
      try {
        return resolveSshTarget(hop, this.#context.sources, (command) => this.#outcome(command));
      } catch (thrown) {
        if (!(thrown instanceof UnansweredCommand)) throw thrown;
        this.#outcomes.set(thrown.command.text, await this.#succeeds(thrown.command));
      }
  }

  /** Starts a `ProxyCommand`. */
  async proxy(command: ConfigCommand): Promise<ProxySocket> {
    await this.#agree(command);
    return ProxySocket.open(command.text, this.#context.sources, this.#context.log);
  }

  #outcome(command: ConfigCommand): boolean {
    const outcome = this.#outcomes.get(command.text);
    if (outcome === undefined) throw new UnansweredCommand(command);
    return outcome;
  }

  async #succeeds(command: ConfigCommand): Promise<boolean> {
    await this.#agree(command);
    const { sources, signal, log } = this.#context;
    const { child, ended, stop } = await startCommand(command.text, sources, { replace: false });
    child.stdin.end();
    child.stdout.resume();
    readLines(child.stderr, (line) => log(`${command.keyword}: ${printable(line)}`));
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    const timer = setTimeout(stop, scaledMs(matchLimitSeconds * 1000));
    const end = await ended;
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    if (signal.aborted) throw cancelled(command);
    if (end.signal !== null)
      throw new BiphaseError(
        'unreachable',
        `The command of ${placeOf(command)} was ended by ${end.signal}.`,
        {
          next: `It must answer within ${matchLimitSeconds} s.`,
        },
      );
    return end.code === 0;
  }

  async #agree(command: ConfigCommand): Promise<void> {
    const { node, prompts, signal } = this.#context;
    const agreed = await prompts.confirm({
      node,
      title: `The SSH configuration runs a command to reach ${node}.`,
      detail: `${placeOf(command)}\n${printable(command.text)}`,
      yes: 'Run it',
      remember: JSON.stringify([node, command.keyword, command.text]),
    });
    if (!agreed)
      throw new BiphaseError('refused', `The command of ${placeOf(command)} may not run.`, {
        next: 'Reconnect the node to be asked again.',
      });
    if (signal.aborted) throw cancelled(command);
  }
}

function cancelled(command: ConfigCommand): BiphaseError {
  return new BiphaseError('cancelled', `The command of ${placeOf(command)} is no longer needed.`);
}
