import { randomUUID } from 'node:crypto';
import { BiphaseError } from '../../core/errors.ts';
import type { Prompt } from '../../protocol/controlApi.ts';
import type { Prompter } from '../nodes/prompter.ts';

/** A client that can ask the person. */
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
  answered: (answer: string | null) => void;
  failed: (error: BiphaseError) => void;
}

type WithoutId = Prompt extends infer P ? (P extends Prompt ? Omit<P, 'id'> : never) : never;

/** Questions for the person: to the focused window, once; secrets stay in this process's memory. */
export class PromptDesk {
  readonly #askers = new Set<Asker>();
  readonly #open = new Map<string, Open>();
  readonly #secrets = new Map<string, string>();

  /** Asks the person. */
  readonly prompts: Prompter = {
    hostKey: async (question) => (await this.#ask({ kind: 'hostKey', ...question })) === 'yes',
    confirm: async (question) => (await this.#ask({ kind: 'confirm', ...question })) === 'yes',
    secret: async (question) => {
      const known = this.#remembered(question.storageKey, question.retry);
      if (known !== undefined) return known;
      const answer = await this.#ask({ kind: 'secret', ...question });
      if (answer === null) throw new BiphaseError('cancelled', `${question.title}: no answer was given.`);
      if (question.storageKey !== null) this.#secrets.set(question.storageKey, answer);
      return answer;
    },
  };

  /** Asks nobody: what is not remembered needs a person. */
  readonly quietPrompts: Prompter = {
    hostKey: async (question) => {
      throw needsPerson(`The host key of ${question.host} is not known yet.`);
    },
    confirm: async (question) => {
      throw needsPerson(question.title);
    },
    secret: async (question) => {
      const known = this.#remembered(question.storageKey, question.retry);
      if (known === undefined) throw needsPerson(question.title);
      return known;
    },
  };

  add(asker: Asker): void {
    this.#askers.add(asker);
  }

  /** The client is gone: its question goes to the next one. */
  remove(asker: Asker): void {
    this.#askers.delete(asker);
    for (const open of this.#open.values()) if (open.asked === asker) this.#send(open);
  }

  answer(id: string, answer: string | null): void {
    this.#open.get(id)?.answered(answer);
  }

  /** How many questions wait. */
  get waiting(): number {
    return this.#open.size;
  }

  #remembered(key: string | null, wrong: boolean): string | undefined {
    if (key === null) return undefined;
    if (wrong) this.#secrets.delete(key);
    return this.#secrets.get(key);
  }

  async #ask(question: WithoutId): Promise<string | null> {
    const prompt = { ...question, id: randomUUID() } as Prompt;
    try {
      return await new Promise<string | null>((resolve, reject) => {
        const open: Open = { prompt, asked: undefined, answered: resolve, failed: reject };
        this.#open.set(prompt.id, open);
        this.#send(open);
      });
    } finally {
      this.#open.delete(prompt.id);
      for (const asker of this.#askers) asker.done(prompt.id);
    }
  }

  #send(open: Open): void {
    const rank = (asker: Asker): number => (asker.kind === 'window' ? 1e9 : 0) + asker.focusedAt;
    const [best] = [...this.#askers].sort((a, b) => rank(b) - rank(a));
    if (!best) {
      open.failed(needsPerson('Nobody is there to answer.'));
      return;
    }
    open.asked = best;
    best.ask(open.prompt);
  }
}

function needsPerson(message: string): BiphaseError {
  return new BiphaseError('needs-person', message, { next: 'Reconnect the node to answer.' });
}
