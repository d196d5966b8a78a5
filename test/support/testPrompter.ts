import type { Prompter } from '../../src/control/nodes/prompter.ts';
import { BiphaseError } from '../../src/core/errors.ts';

type Question<K extends keyof Prompter> = Parameters<Prompter[K]>[0];

/** Answers questions from a script and remembers what was asked. */
export interface TestPrompter extends Prompter {
  hostKeys: Question<'hostKey'>[];
  secrets: Question<'secret'>[];
  confirms: Question<'confirm'>[];
  doubts: string[];
}

/** `answers.secrets` are used up one by one; when there are none left the question is cancelled. */
export function testPrompter(
  answers: { hostKey?: boolean; secrets?: string[]; confirm?: boolean } = {},
): TestPrompter {
  const secrets = [...(answers.secrets ?? [])];
  const prompter: TestPrompter = {
    hostKeys: [],
    secrets: [],
    confirms: [],
    doubts: [],
    hostKey: async (question) => {
      prompter.hostKeys.push(question);
      return answers.hostKey ?? false;
    },
    secret: async (question) => {
      prompter.secrets.push(question);
      const secret = secrets.shift();
      if (secret === undefined) throw new BiphaseError('cancelled', 'The question was closed.');
      return secret;
    },
    doubt: (storageKey) => prompter.doubts.push(storageKey),
    confirm: async (question) => {
      prompter.confirms.push(question);
      return answers.confirm ?? false;
    },
  };
  return prompter;
}
