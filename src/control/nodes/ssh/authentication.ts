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
import { cannotUse, type KeyFile, readKeyFile, unlockKeyFile } from './keyFiles.ts';
import type { SshTarget } from './sshConfig.ts';

interface Credential {
  publicKey: ParsedKey;
  sign(data: Buffer, hash: SigningRequestOptions['hash']): Promise<Buffer>;
}

interface Answer {
  answer: string;
  /** Where it is remembered; null for a code. */
  key: string | null;
}

interface Question {
  prompt: string;
  echo?: boolean;
}

const agentTimeoutMs = 5000;
const personAttempts = 3;
const usableMethods = new Set<string>(['publickey', 'keyboard-interactive', 'password']);

/**
 * Offers what the user has, in ssh(1)'s order: agent keys that the configuration names, other agent keys, key files,
 * then questions (keyboard-interactive, password). An encrypted file is unlocked only when the node accepts its public
 * half, and no question comes before the host's key has been accepted. A second try of the same credential happens only
 * with a new answer of the person.
 */
export class Authentication {
  /** What went wrong on this side; it explains the failure better than the node can. */
  failure: BiphaseError | undefined;
  readonly #target: SshTarget;
  readonly #way: readonly string[];
  readonly #node: string;
  readonly #prompts: Prompter;
  readonly #problems: string[] = [];
  readonly #tried: string[] = [];
  readonly #asked = new Map<string, number>();
  #keysOffered = 0;
  #keysTaken = 0;
  /** The key that is being offered has signed: the node had accepted its public half. */
  #signed = false;
  /** Where the passwords are kept that the node has been sent and not answered yet; a code has no place. */
  #sent: (string | null)[] = [];
  /** The agent is signing. */
  #signing = false;
  #credentials: Credential[] | undefined;
  #deadline: Deadline | undefined;
  #giveUp: (error: BiphaseError) => void = () => undefined;

  /** @param way what leads to the host: hosts of the same name behind other ones are others */
  constructor(target: SshTarget, way: readonly string[], node: string, prompts: Prompter) {
    this.#target = target;
    this.#way = way;
    this.#node = node;
    this.#prompts = prompts;
  }

  /**
   * ssh2's question for the next method; starts with `none`, which only asks for the list of methods.
   * `giveUp` is called where the login must end at once.
   */
  handler(deadline: Deadline, giveUp: (error: BiphaseError) => void): AuthHandlerMiddleware {
    this.#deadline = deadline;
    this.#giveUp = giveUp;
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
    const offered = this.#offered();
    const certificates = this.#target.certificateFiles.map(
      (file) => `${file} is a certificate, ${cannotUse}`,
    );
    const problems = [...new Set([...this.#problems, ...certificates])].join('; ');
    const why = problems === '' ? offered : `${offered} (${problems})`;
    return new BiphaseError('needs-person', `${host} refused the login of ${user}: ${why}.`, {
      next: problems.includes(cannotUse)
        ? `Make an ordinary key with ssh-keygen, have its .pub line added on ${host} and name it with IdentityFile in ~/.ssh/config.`
        : 'Check the user name and the key, or load the key into your agent; then reconnect the node.',
    });
  }

  /** The login is complete. */
  accepted(): void {
    this.#sent = [];
  }

  /** Why a login that ended now is not tried again by itself: some hosts refuse a password by saying nothing. */
  unanswered(): BiphaseError | undefined {
    if (this.#sent.length === 0) return undefined;
    for (const key of this.#sent) if (key !== null) this.#prompts.doubt(key);
    const { user, host } = this.#target;
    return new BiphaseError(
      'needs-person',
      `${host} ended the login of ${user} without an answer to the password or code.`,
      { next: 'It may be wrong: reconnect the node to be asked again.' },
    );
  }

  /** Why a login that took too long is not tried again by itself: each time the agent would ask its owner anew. */
  unsigned(): BiphaseError | undefined {
    if (!this.#signing) return undefined;
    return new BiphaseError(
      'needs-person',
      `The agent at ${this.#target.identityAgent} did not sign in time.`,
      {
        next: 'See whether it asks for a touch, a PIN or your consent, then reconnect the node.',
      },
    );
  }

  async #next(left: AuthenticationType[] | null): Promise<Parameters<NextAuthHandler>[0]> {
    const username = this.#target.user;
    this.#sent = [];
    if (this.failure) throw this.failure;
    if (left === null) return { type: 'none', username };
    const allowed = new Set<string>(left);
    if (this.#signed) {
      // The node took this key, and wants more. ssh2 keeps what it wants to itself after a key, so it is asked again.
      this.#signed = false;
      this.#keysTaken++;
      return { type: 'none', username };
    }
    if (allowed.has('publickey')) {
      this.#credentials ??= await this.#ask(() => this.#collect());
      const credential = this.#credentials[this.#keysOffered];
      if (credential) {
        this.#keysOffered++;
        const agent = new OneKey(credential, (outcome) => this.#afterSigning(outcome));
        return { type: 'agent', username, agent };
      }
    }
    if (allowed.has('keyboard-interactive') && this.#mayAsk('keyboard-interactive'))
      return { type: 'keyboard-interactive', username, prompt: (...args) => this.#answer(...args) };
    if (allowed.has('password') && this.#mayAsk('password')) {
      const { answer, key } = await this.#secret('password', 'Password');
      this.#sent = [key];
      return { type: 'password', username, password: answer };
    }
    const usable =
      this.#tried.length + this.#keysOffered > 0 || left.some((method) => usableMethods.has(method));
    throw usable ? this.rejected() : this.#noMethod(left);
  }

  #noMethod(left: readonly string[]): BiphaseError {
    const { host } = this.#target;
    const offers = left.length === 0 ? 'no way' : left.map(printable).join(', ');
    return new BiphaseError('needs-person', `${host} offers ${offers} to log in, ${cannotUse}.`, {
      next: 'Ask its administrator for a login by key, or go through another host with ProxyJump.',
    });
  }

  #offered(): string {
    const refused = this.#keysOffered - this.#keysTaken;
    const sentences = [
      ...(refused > 0
        ? [refused === 1 ? '1 key was not accepted' : `${refused} keys were not accepted`]
        : []),
      ...(this.#keysTaken > 0 ? ['a key was accepted, but alone it is not enough'] : []),
      ...this.#tried,
    ];
    return sentences.join(', ') || 'nothing could be offered';
  }

  #afterSigning(error: BiphaseError | undefined): void {
    if (error) this.#fail(error);
    else this.#signed = true;
  }

  #mayAsk(method: string): boolean {
    const times = (this.#asked.get(method) ?? 0) + 1;
    if (times > personAttempts) return false;
    this.#asked.set(method, times);
    if (times === 1) this.#tried.push(`${method} was not accepted`);
    return true;
  }

  #answer(
    name: string,
    instructions: string,
    _language: string,
    questions: Question[],
    finish: (answers: string[]) => void,
  ): void {
    this.#sent = [];
    const all = async (): Promise<string[]> => {
      const given: Answer[] = [];
      for (const [index, { prompt }] of questions.entries()) {
        const title = index === 0 ? `${name} ${instructions} ${prompt}` : prompt;
        given.push(await this.#secret('keyboard-interactive', shownQuestion(title)));
      }
      this.#sent = given.map(({ key }) => key);
      return given.map(({ answer }) => answer);
    };
    all().then(finish, (thrown) => {
      // Nothing is answered: an empty code would count as a wrong one.
      this.#fail(toBiphaseError(thrown));
      this.#giveUp(this.rejected());
    });
  }

  /** What the person answers, and under which key it is remembered. */
  async #secret(method: string, title: string): Promise<Answer> {
    const { user, host, port, hostKeyAlias } = this.#target;
    // A code is never remembered, also where its question speaks of a password.
    const password =
      method === 'password' || (/password/i.test(title) && !/one.?time|\botp\b|oath|code|token/i.test(title));
    const place = [
      `password:${user}@${host}:${port}`,
      ...(hostKeyAlias === null ? [] : [`as ${hostKeyAlias}`]),
      ...this.#way.map((each) => `via ${each}`),
    ].join(' ');
    const key = password ? place : null;
    const question = {
      node: this.#node,
      purpose: password ? ('password' as const) : ('code' as const),
      title: `${title} of ${user}@${host}`,
      storageKey: key,
      retry: (this.#asked.get(method) ?? 1) > 1,
    };
    return { answer: await this.#ask(() => this.#prompts.secret(question)), key };
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

  /** Keys in the order of their use. Only an encrypted file that hides its public half is unlocked here. */
  async #collect(): Promise<Credential[]> {
    const files = this.#target.identityFiles
      .map(({ file, explicit }) => readKeyFile(file, explicit, this.#problems))
      .filter((key) => key !== undefined);
    const fromAgent = await this.#agentCredentials();
    const named = files.flatMap((key) => fromAgent.filter((each) => sameKey(each.publicKey, key.publicKey)));
    const others = this.#target.identitiesOnly ? [] : fromAgent.filter((each) => !named.includes(each));
    const loose = files.filter((key) => !named.some((each) => sameKey(each.publicKey, key.publicKey)));
    const plain = loose.flatMap((key) => (key.privateKey ? [fileCredential(key.privateKey)] : []));
    const locked: Credential[] = [];
    for (const key of loose.filter((each) => each.encrypted && (each.publicKey || each.explicit)))
      locked.push(
        key.publicKey
          ? this.#lockedCredential(key)
          : fileCredential(await unlockKeyFile(key, this.#node, this.#prompts)),
      );
    return [...named, ...others, ...plain, ...locked];
  }

  async #agentCredentials(): Promise<Credential[]> {
    const socket = this.#target.identityAgent;
    if (socket === null) return [];
    try {
      const agent = ssh2.createAgent(socket);
      const keys = await within<ParsedKey[]>((done) =>
        agent.getIdentities((error, found) => done(error, found as unknown as ParsedKey[])),
      );
      if (keys.length === 0)
        this.#problems.push(
          `the agent at ${socket} holds no ordinary key; Biphase cannot use security keys and certificates`,
        );
      return keys.map((publicKey) => ({
        publicKey,
        // A key in an agent may ask its owner to confirm, so no time limit here but the login's own.
        sign: (data, hash) =>
          new Promise((resolve, reject) => {
            this.#signing = true;
            agent.sign(publicKey as unknown as string, data, hash ? { hash } : {}, (error, signed) => {
              this.#signing = false;
              if (signed) resolve(signed);
              else reject(error ?? new Error('The agent did not sign.'));
            });
          }),
      }));
    } catch (error) {
      this.#problems.push(`the agent at ${socket} does not answer (${(error as Error).message})`);
      return [];
    }
  }
}

/** A key as an agent, so that ssh2 asks the node about the public half before anything is signed. */
class OneKey extends ssh2.BaseAgent<ParsedKey> {
  readonly #credential: Credential;
  readonly #signed: (error?: BiphaseError) => void;

  /** `signed` hears that the key has signed, or why it never will. */
  constructor(credential: Credential, signed: (error?: BiphaseError) => void) {
    super();
    this.#credential = credential;
    this.#signed = signed;
  }

  override getIdentities(done: (error?: Error | null, keys?: never) => void): void {
    done(undefined, [this.#credential.publicKey] as never);
  }

  override sign(
    _publicKey: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    const finish = typeof options === 'function' ? options : done!;
    const hash = typeof options === 'function' ? undefined : options.hash;
    this.#credential.sign(data, hash).then(
      (signed) => {
        this.#signed();
        finish(null, signed);
      },
      (thrown) => {
        if (thrown instanceof BiphaseError) this.#signed(thrown);
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

/** The node chose this text: shown without control characters and not too long. What is asked for stands last. */
function shownQuestion(text: string): string {
  return printable(
    text
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .replace(/:$/, '')
      .slice(-300),
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
