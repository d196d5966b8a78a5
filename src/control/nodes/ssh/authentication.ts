import type {
  AuthenticationType,
  AuthHandlerMiddleware,
  NextAuthHandler,
  ParsedKey,
  SignCallback,
  SigningRequestOptions,
} from 'ssh2';
import ssh2 from 'ssh2';
import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import type { Prompter } from '../prompter.ts';
import type { Deadline } from './deadline.ts';
import { type KeyFile, readKeyFile, unlockKeyFile } from './keyFiles.ts';
import type { SshTarget } from './sshConfig.ts';

interface Credential {
  publicKey: ParsedKey;
  sign(data: Buffer, hash: SigningRequestOptions['hash']): Promise<Buffer>;
}

interface Question {
  prompt: string;
  echo?: boolean;
}

const agentTimeoutMs = 5000;
const personAttempts = 3;

/**
 * Offers what the user has, in ssh(1)'s order: agent keys that the configuration names, other agent keys, key files,
 * then questions (keyboard-interactive, password). An encrypted file is unlocked only when the node accepts its public
 * half. A second try of the same credential happens only with a new answer of the person.
 */
export class Authentication {
  /** What went wrong on this side; it explains the failure better than the node can. */
  failure: BiphaseError | undefined;
  readonly #target: SshTarget;
  readonly #node: string;
  readonly #prompts: Prompter;
  readonly #problems: string[] = [];
  readonly #tried: string[] = [];
  readonly #asked = new Map<string, number>();
  #credentials: Credential[] = [];
  #deadline: Deadline | undefined;

  constructor(target: SshTarget, node: string, prompts: Prompter) {
    this.#target = target;
    this.#node = node;
    this.#prompts = prompts;
  }

  /** Collects keys. Where an encrypted file is all there is, its passphrase is asked now, before any connection. */
  async prepare(): Promise<void> {
    const files = this.#target.identityFiles
      .map(({ file, explicit }) => readKeyFile(file, explicit, this.#problems))
      .filter((key) => key !== undefined);
    const fromAgent = await this.#agentCredentials();
    const named = files.flatMap((key) => fromAgent.filter((each) => sameKey(each.publicKey, key.publicKey)));
    const others = this.#target.identitiesOnly ? [] : fromAgent.filter((each) => !named.includes(each));
    const loose = files.filter((key) => !named.some((each) => sameKey(each.publicKey, key.publicKey)));
    const plain = loose.flatMap((key) => (key.privateKey ? [fileCredential(key.privateKey)] : []));
    const locked = loose.filter((key) => key.encrypted && (key.publicKey || key.explicit));
    const alone = named.length + others.length + plain.length === 0;
    const unlocked: Credential[] = [];
    for (const key of locked) {
      const now = (alone && key.explicit && unlocked.length === 0) || !key.publicKey;
      unlocked.push(
        now
          ? fileCredential(await unlockKeyFile(key, this.#node, this.#prompts))
          : this.#lockedCredential(key),
      );
    }
    this.#credentials = [...named, ...others, ...plain, ...unlocked];
  }

  /** ssh2's question for the next method; starts with `none`, which only asks for the list of methods. */
  handler(deadline: Deadline): AuthHandlerMiddleware {
    this.#deadline = deadline;
    return ((left: AuthenticationType[] | null, _partial: boolean, next: NextAuthHandler) => {
      this.#next(left).then(next, (thrown) => {
        this.failure ??= toBiphaseError(thrown);
        (next as unknown as (stop: false) => void)(false);
      });
      return undefined;
    }) as AuthHandlerMiddleware;
  }

  /** One sentence for "nothing was accepted". */
  rejected(detail?: string): BiphaseError {
    if (this.failure) return this.failure;
    const { user, host } = this.#target;
    if (detail !== undefined && /too many authentication failures/i.test(detail))
      return new BiphaseError('needs-person', `${host} ended the login after too many keys.`, {
        next: 'Name the right key with IdentityFile and set IdentitiesOnly yes in ~/.ssh/config.',
      });
    const offered = this.#tried.length === 0 ? 'nothing could be offered' : this.#tried.join(', ');
    const problems = this.#problems.length === 0 ? '' : ` (${this.#problems.join('; ')})`;
    return new BiphaseError('needs-person', `${host} refused the login of ${user}: ${offered}${problems}.`, {
      next: 'Check the user name and the key, or load the key into your agent; then reconnect the node.',
    });
  }

  async #next(left: AuthenticationType[] | null): Promise<Parameters<NextAuthHandler>[0]> {
    const username = this.#target.user;
    if (this.failure) throw this.failure;
    if (left === null) return { type: 'none', username };
    const allowed = new Set<string>(left);
    if (allowed.has('publickey') && !this.#asked.has('publickey') && this.#credentials.length > 0) {
      this.#asked.set('publickey', 1);
      const count = this.#credentials.length;
      this.#tried.push(count === 1 ? '1 key was not accepted' : `${count} keys were not accepted`);
      return { type: 'agent', username, agent: new KeyRing(this.#credentials, (error) => this.#fail(error)) };
    }
    if (allowed.has('keyboard-interactive') && this.#mayAsk('keyboard-interactive'))
      return { type: 'keyboard-interactive', username, prompt: (...args) => this.#answer(...args) };
    if (allowed.has('password') && this.#mayAsk('password')) {
      const password = await this.#secret('password', 'Password');
      return { type: 'password', username, password };
    }
    throw this.rejected();
  }

  #mayAsk(method: string): boolean {
    const times = (this.#asked.get(method) ?? 0) + 1;
    if (times > personAttempts) return false;
    this.#asked.set(method, times);
    if (times === 1) this.#tried.push(`${method} was not accepted`);
    return true;
  }

  #answer(
    _name: string,
    _instructions: string,
    _language: string,
    questions: Question[],
    finish: (answers: string[]) => void,
  ): void {
    const all = async (): Promise<string[]> => {
      const answers: string[] = [];
      for (const question of questions)
        answers.push(await this.#secret('keyboard-interactive', shownQuestion(question.prompt)));
      return answers;
    };
    all().then(finish, (thrown) => {
      this.#fail(toBiphaseError(thrown));
      finish(questions.map(() => ''));
    });
  }

  #secret(method: string, title: string): Promise<string> {
    const { user, host, port } = this.#target;
    const password = method === 'password' || /password/i.test(title);
    const question = {
      node: this.#node,
      purpose: password ? ('password' as const) : ('code' as const),
      title: `${title} of ${user}@${host}`,
      storageKey: password ? `password:${user}@${host}:${port}` : null,
      retry: (this.#asked.get(method) ?? 1) > 1,
    };
    return this.#ask(() => this.#prompts.secret(question));
  }

  #ask<T>(work: () => Promise<T>): Promise<T> {
    return this.#deadline ? this.#deadline.paused(work) : work();
  }

  #fail(error: BiphaseError): void {
    this.failure ??= error;
  }

  #lockedCredential(key: KeyFile): Credential {
    let unlocked: Promise<ParsedKey> | undefined;
    return {
      publicKey: key.publicKey!,
      sign: async (data, hash) => {
        unlocked ??= this.#ask(() => unlockKeyFile(key, this.#node, this.#prompts));
        return signature(await unlocked, data, hash);
      },
    };
  }

  async #agentCredentials(): Promise<Credential[]> {
    const socket = this.#target.identityAgent;
    if (socket === null) return [];
    try {
      const agent = ssh2.createAgent(socket);
      const keys = await within<ParsedKey[]>((done) =>
        agent.getIdentities((error, found) => done(error, found as unknown as ParsedKey[])),
      );
      return keys.map((publicKey) => ({
        publicKey,
        // A key in an agent may ask its owner to confirm, so no time limit here but the login's own.
        sign: (data, hash) =>
          new Promise((resolve, reject) => {
            agent.sign(publicKey as unknown as string, data, hash ? { hash } : {}, (error, signed) =>
              signed ? resolve(signed) : reject(error ?? new Error('The agent did not sign.')),
            );
          }),
      }));
    } catch (error) {
      this.#problems.push(`the agent at ${socket} does not answer (${(error as Error).message})`);
      return [];
    }
  }
}

/** All keys as one agent, so that ssh2 asks the node about each public half before anything is signed. */
class KeyRing extends ssh2.BaseAgent<ParsedKey> {
  readonly #credentials: Credential[];
  readonly #fail: (error: BiphaseError) => void;

  constructor(credentials: Credential[], fail: (error: BiphaseError) => void) {
    super();
    this.#credentials = credentials;
    this.#fail = fail;
  }

  override getIdentities(done: (error?: Error | null, keys?: never) => void): void {
    done(undefined, this.#credentials.map((each) => each.publicKey) as never);
  }

  override sign(
    publicKey: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    const finish = typeof options === 'function' ? options : done!;
    const hash = typeof options === 'function' ? undefined : options.hash;
    const credential = this.#credentials.find((each) => sameKey(each.publicKey, publicKey));
    if (!credential) {
      finish(new Error('This key is not in the ring.'));
      return;
    }
    credential.sign(data, hash).then(
      (signed) => finish(null, signed),
      (thrown) => {
        if (thrown instanceof BiphaseError) this.#fail(thrown);
        finish(thrown instanceof Error ? thrown : new Error(String(thrown)));
      },
    );
  }
}

function fileCredential(key: ParsedKey): Credential {
  return { publicKey: key, sign: async (data, hash) => signature(key, data, hash) };
}

function signature(key: ParsedKey, data: Buffer, hash: SigningRequestOptions['hash']): Buffer {
  const signed: Buffer | Error = key.sign(data, hash);
  if (signed instanceof Error) throw signed;
  return signed;
}

function sameKey(a: ParsedKey | null, b: ParsedKey | null): boolean {
  return a !== null && b !== null && a.getPublicSSH().equals(b.getPublicSSH());
}

/** The node chose this text: shown without control characters and not too long. */
function shownQuestion(text: string): string {
  return printable(
    text
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .replace(/:$/, '')
      .slice(0, 200),
  );
}

function within<T>(start: (done: (error: Error | null | undefined, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), scaledMs(agentTimeoutMs));
    start((error, value) => {
      clearTimeout(timer);
      if (error || value === undefined) reject(error ?? new Error('no answer'));
      else resolve(value);
    });
  });
}
