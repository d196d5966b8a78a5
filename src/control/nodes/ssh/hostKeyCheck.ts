import type { ServerHostKeyAlgorithm } from 'ssh2';
import { BiphaseError, toBiphaseError } from '../../../core/errors.ts';
import type { Prompter } from '../prompter.ts';
import type { Deadline } from './deadline.ts';
import {
  appendKnownHost,
  checkHostKey,
  fingerprint,
  hostKeyType,
  type KnownHost,
  knownHostsName,
  knownKeyTypes,
  loadKnownHosts,
} from './knownHosts.ts';
import { isRevokedKey } from './revokedKeys.ts';
import type { SshTarget } from './sshConfig.ts';

const algorithmsOfType: Record<string, ServerHostKeyAlgorithm[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};

/**
 * Decides whether a host may be talked to, before anything about the user is sent to it.
 * One object a connection: the key that was accepted is remembered for every later key exchange.
 */
export class HostKeyCheck {
  /** Why the host was turned away, once it was. */
  refusal: BiphaseError | undefined;
  readonly #target: SshTarget;
  readonly #node: string;
  readonly #prompts: Prompter;
  readonly #name: string;
  #accepted: Buffer | undefined;

  constructor(target: SshTarget, node: string, prompts: Prompter) {
    this.#target = target;
    this.#node = node;
    this.#prompts = prompts;
    this.#name = target.hostKeyAlias ?? knownHostsName(target.host, target.port);
  }

  /** Algorithms of the key types on file: asked for first, or a host known by RSA would look changed. */
  preferredAlgorithms(): ServerHostKeyAlgorithm[] {
    const types = knownKeyTypes(this.#knownHosts(), this.#name);
    return Object.entries(algorithmsOfType)
      .filter(([type]) => types.has(type))
      .flatMap(([, algorithms]) => algorithms);
  }

  /**
   * ssh2's verifier. It must return a real boolean, or undefined and answer once with one: ssh2 takes every other value
   * than `false` for consent. The keys of a later key exchange are judged at once: whatever ssh2 sends while it waits
   * for an answer then would break the connection.
   */
  verifier(deadline: Deadline): (key: Buffer, answer: (trusted: boolean) => void) => boolean | undefined {
    return (key, answer) => {
      if (this.#accepted) {
        if (this.#accepted.equals(key)) return true;
        this.refusal = this.#refuse('showed another host key in the middle of the connection', undefined);
        return false;
      }
      this.#decide(Buffer.from(key), deadline).then(
        (trusted) => answer(trusted === true),
        (thrown) => {
          this.refusal = toBiphaseError(thrown);
          answer(false);
        },
      );
      return undefined;
    };
  }

  async #decide(key: Buffer, deadline: Deadline): Promise<boolean> {
    const list = this.#target.revokedHostKeysFiles.find((file) => isRevokedKey(file, key));
    if (list !== undefined) throw this.#refuse(`has a host key that ${list} revokes`, undefined);
    const verdict = checkHostKey(this.#knownHosts(), this.#name, key);
    if (verdict.result === 'revoked') throw this.#refuse('has a revoked host key', verdict.entry);
    if (verdict.result === 'changed')
      throw this.#refuse(`shows another host key (${fingerprint(key)}) than the one on file`, verdict.entry);
    if (verdict.result === 'unknown') {
      if (verdict.authority)
        throw new BiphaseError(
          'refused',
          `${this.#describe()} is known only through a certificate authority, and Biphase cannot check host certificates.`,
          {
            next: `Add its plain host key to known_hosts; it shows ${hostKeyType(key)} ${fingerprint(key)}.`,
          },
        );
      await this.#ask(key, deadline);
    }
    this.#accepted = key;
    return true;
  }

  async #ask(key: Buffer, deadline: Deadline): Promise<void> {
    const question = {
      node: this.#node,
      host: this.#describe(),
      keyType: hostKeyType(key),
      fingerprint: fingerprint(key),
    };
    const trusted = await deadline.paused(() => this.#prompts.hostKey(question));
    if (trusted !== true)
      throw new BiphaseError('refused', `The host key of ${this.#describe()} was not accepted.`, {
        next: 'Reconnect the node to be asked again.',
      });
    const [file] = this.#target.userKnownHostsFiles;
    if (file === undefined) return;
    try {
      appendKnownHost(file, this.#name, key, this.#target.hashKnownHosts);
    } catch (error) {
      // As with ssh(1) the answer holds for this connection.
      this.#target.notes.push(
        `The host key of ${this.#describe()} will be asked about again: ${file} cannot be written (${(error as Error).message}).`,
      );
    }
  }

  #refuse(what: string, entry: KnownHost | undefined): BiphaseError {
    const where = entry ? ` (${entry.file}, line ${entry.line})` : '';
    return new BiphaseError('refused', `${this.#describe()} ${what}${where}; no credential was sent.`, {
      next: [
        'Ask its administrator whether the key was replaced; only then remove the line from known_hosts.',
        ...this.#target.notes,
      ].join(' '),
    });
  }

  #describe(): string {
    const { alias, host, port } = this.#target;
    const address = port === 22 ? host : `${host}:${port}`;
    return alias === host || alias === address ? address : `${alias} (${address})`;
  }

  #knownHosts(): KnownHost[] {
    return loadKnownHosts([...this.#target.userKnownHostsFiles, ...this.#target.globalKnownHostsFiles]);
  }
}
