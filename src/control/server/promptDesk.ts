import { randomUUID } from 'node:crypto';
import { scaledMs } from '../../core/clock.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { Prompt } from '../../protocol/controlApi.ts';
import type { Prompter } from '../nodes/prompter.ts';

/** A client that can ask the person, in a place that the person trusts. */
export interface Asker {
  kind: 'window' | 'cli';
  /** Grows each time the client gets the focus. */
  focusedAt: number;
  ask(prompt: Prompt): void;
  done(id: string): void;
}

interface Open {
  prompt: Prompt;
  asked: Asker | undefined;
  /** Windows whose SecretStorage does not hold it. */
  without: Set<Asker>;
  answered: (answer: string | null) => void;
  failed: (error: BiphaseError) => void;
}

/** How long a window has to say hello after control was started by it, and to look a secret up. */
const defaultQuietWaitMs = 5000;

type WithoutId = Prompt extends infer P ? (P extends Prompt ? Omit<P, 'id'> : never) : never;

/** Questions for the person: to the focused window, once; secrets stay in this process's memory. */
export class PromptDesk {
  readonly #askers = new Set<Asker>();
  readonly #open = new Map<string, Open>();
  readonly #secrets = new Map<string, string>();
  /** Secrets that people are being asked for. */
  readonly #asking = new Map<string, Promise<string | null>>();
  /** Keys of secrets that may be wrong. */
  readonly #doubted = new Set<string>();
  readonly #agreements = new Set<string>();
  readonly #quietWaitMs: number;

  constructor(quietWaitMs = scaledMs(defaultQuietWaitMs)) {
    this.#quietWaitMs = quietWaitMs;
  }

  /** Asks the person. */
  readonly prompts: Prompter = {
    hostKey: async (question) => (await this.#ask({ kind: 'hostKey', ...question })) === 'yes',
    confirm: async ({ remember, ...question }) => {
      if (this.#agreed(remember)) return true;
      const yes = (await this.#ask({ kind: 'confirm', ...question })) === 'yes';
      if (yes && remember !== undefined) this.#agreements.add(remember);
      return yes;
    },
    secret: async (question) => {
      const { storageKey, title } = question;
      // Who needs the same secret meanwhile gets the same answer.
      const asking = storageKey === null ? undefined : this.#asking.get(storageKey);
      if (asking) return given(await asking, title);
      const retry = question.retry || this.#isDoubted(storageKey);
      const known = this.#remembered(storageKey, retry);
      if (known !== undefined) return known;
      const answer = this.#ask({ kind: 'secret', quiet: false, ...question, retry });
      if (storageKey === null) return given(await answer, title);
      this.#asking.set(storageKey, answer);
      try {
        const secret = given(await answer, title);
        this.#secrets.set(storageKey, secret);
        this.#doubted.delete(storageKey);
        return secret;
      } finally {
        this.#asking.delete(storageKey);
      }
    },
    doubt: (storageKey) => this.#doubted.add(storageKey),
  };

  /** Asks nobody: what is neither remembered nor in a window's SecretStorage needs a person. */
  readonly quietPrompts: Prompter = {
    hostKey: async (question) => {
      throw needsPerson(`The host key of ${question.host} is not known yet.`);
    },
    confirm: async ({ remember, title }) => {
      if (this.#agreed(remember)) return true;
      throw needsPerson(title);
    },
    secret: async (question) => {
      const { storageKey } = question;
      const retry = question.retry || this.#isDoubted(storageKey);
      const known = this.#remembered(storageKey, retry);
      if (known !== undefined) return known;
      if (storageKey === null || retry) throw needsPerson(question.title);
      const stored = await this.#ask({ kind: 'secret', quiet: true, ...question }, this.#quietWaitMs);
      if (stored === null) throw needsPerson(question.title);
      this.#secrets.set(storageKey, stored);
      return stored;
    },
    doubt: (storageKey) => this.#doubted.add(storageKey),
  };

  add(asker: Asker): void {
    this.#askers.add(asker);
    for (const open of this.#open.values()) if (!open.asked) this.#send(open);
  }

  /** The client is gone: its question goes to the next one. */
  remove(asker: Asker): void {
    this.#askers.delete(asker);
    for (const open of this.#open.values()) if (open.asked === asker) this.#send(open);
  }

  answer(id: string, answer: string | null): void {
    const open = this.#open.get(id);
    if (!open) return;
    if (answer === null && isQuiet(open.prompt) && open.asked) {
      // What one window does not hold another one may.
      open.without.add(open.asked);
      this.#send(open);
    } else open.answered(answer);
  }

  /** How many questions wait. */
  get waiting(): number {
    return this.#open.size;
  }

  /** A yes from a trusted window does not count while only others are there. */
  #agreed(key: string | undefined): boolean {
    return key !== undefined && this.#agreements.has(key) && this.#askers.size > 0;
  }

  #isDoubted(key: string | null): boolean {
    return key !== null && this.#doubted.has(key);
  }

  #remembered(key: string | null, wrong: boolean): string | undefined {
    if (key === null) return undefined;
    if (wrong) this.#secrets.delete(key);
    return this.#secrets.get(key);
  }

  /** @param limitMs after so long without an answer it is null */
  async #ask(question: WithoutId, limitMs?: number): Promise<string | null> {
    const prompt = { ...question, id: randomUUID() } as Prompt;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string | null>((resolve, reject) => {
        const open: Open = {
          prompt,
          asked: undefined,
          without: new Set(),
          answered: resolve,
          failed: reject,
        };
        this.#open.set(prompt.id, open);
        if (limitMs !== undefined) timer = setTimeout(resolve, limitMs, null);
        this.#send(open);
      });
    } finally {
      clearTimeout(timer);
      this.#open.delete(prompt.id);
      for (const asker of this.#askers) asker.done(prompt.id);
    }
  }

  #send(open: Open): void {
    const rank = (asker: Asker): number => (asker.kind === 'window' ? 1e9 : 0) + asker.focusedAt;
    const quiet = isQuiet(open.prompt);
    const [best] = [...this.#askers]
      .filter((asker) => !quiet || (asker.kind === 'window' && !open.without.has(asker)))
      .sort((a, b) => rank(b) - rank(a));
    if (!best) {
      open.asked = undefined;
      // A quiet question has its own time limit: after control was started anew more windows are on their way.
      if (!quiet) open.failed(needsPerson('Nobody is there to answer.'));
      return;
    }
    open.asked = best;
    best.ask(open.prompt);
  }
}

function isQuiet(prompt: Prompt): boolean {
  return prompt.kind === 'secret' && prompt.quiet;
}

function given(answer: string | null, title: string): string {
  if (answer === null) throw new BiphaseError('cancelled', `${title}: no answer was given.`);
  return answer;
}

function needsPerson(message: string): BiphaseError {
  return new BiphaseError('needs-person', message, { next: 'Reconnect the node to answer.' });
}
