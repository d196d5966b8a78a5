import path from 'node:path';
import readline from 'node:readline/promises';
import { type ControlClient, connectControl } from '../control/client/controlClient.ts';
import { stateFolder } from '../control/client/stateFolder.ts';
import type { Prompt } from '../protocol/controlApi.ts';
import { version } from './version.ts';

/** Joins control for one command, and lets go of it afterwards. Questions are asked on the terminal. */
export async function withControl<T>(work: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = await connectControl({
    stateFolder: stateFolder(),
    controlFile: path.join(import.meta.dirname, 'control.mjs'),
    execPath: process.execPath,
    client: 'cli',
    // Who types a command on a terminal is asked there.
    trusted: () => true,
    version,
  });
  client.on('prompt', (prompt) => {
    void ask(prompt).then((answer) =>
      client.call('answerPrompt', { id: prompt.id, answer }).catch(() => undefined),
    );
  });
  try {
    return await work(client);
  } finally {
    client.dispose();
  }
}

async function ask(prompt: Prompt): Promise<string | null> {
  if (!process.stdin.isTTY) return null;
  const question = questionText(prompt);
  const input = readline.createInterface({ input: process.stdin, output: process.stderr, terminal: true });
  // What is typed as a secret is not shown.
  if (prompt.kind === 'secret')
    (input as unknown as { _writeToOutput: () => void })._writeToOutput = () => undefined;
  try {
    process.stderr.write(question);
    const answer = await input.question('');
    process.stderr.write('\n');
    if (prompt.kind === 'secret') return answer;
    return /^y(es)?$/i.test(answer.trim()) ? 'yes' : null;
  } catch {
    return null;
  } finally {
    input.close();
  }
}

function questionText(prompt: Prompt): string {
  if (prompt.kind === 'hostKey')
    return `The ${prompt.keyType} key of ${prompt.host} is not known: ${prompt.fingerprint}. Trust it? [y/N] `;
  if (prompt.kind === 'secret') return `${prompt.title}: `;
  return `${prompt.title}\n${prompt.detail}\n${prompt.yes}? [y/N] `;
}

/** Writes JSON on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
