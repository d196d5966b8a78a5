import type { ControlClient } from '../control/client/controlClient.ts';
import { BiphaseError, toBiphaseError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { nearest } from '../core/unknownKeys.ts';
import { isRunId } from '../protocol/runDirectory.ts';
import { groupSchema, labelSchema, type NotesChange, tagSchema } from '../protocol/runNotes.ts';
import { withControl } from './openControl.ts';
import type { ParsedOptions } from './options.ts';
import { parsePriority } from './priority.ts';

/** What else `biphase runs` can be told to do, by its word. */
const actions: Record<string, (words: string[], options: ParsedOptions) => Promise<number>> = {
  priority: async ([run, number, ...more]) => {
    if (run === undefined || number === undefined || more.length > 0)
      throw new BiphaseError('usage', 'Say "biphase runs priority RUN N".');
    const priority = parsePriority(number);
    return act([run], (client) => client.call('setPriority', { run, priority }));
  },
  label: async ([run, ...words]) => {
    if (run === undefined) throw new BiphaseError('usage', 'Say "biphase runs label RUN TEXT".');
    const label = words.length === 0 ? null : checked(labelSchema, words.join(' '), 'A label', 200);
    return note([run], { label });
  },
  tag: async (runs, { lists }) => {
    const tags = (name: string): string[] =>
      (lists.get(name) ?? []).map((tag) => checked(tagSchema, tag, 'A tag', 100));
    const [addTags, removeTags] = [tags('add'), tags('remove')];
    if (addTags.length + removeTags.length === 0)
      throw new BiphaseError('usage', 'Say which tags: --add TAG or --remove TAG.');
    return note(runs, { addTags, removeTags });
  },
  group: async (runs, { values }) => {
    const group = values.get('to');
    return note(runs, { group: group === undefined ? null : checked(groupSchema, group, 'A group', 100) });
  },
  archive: async (runs) => note(runs, { archived: true }),
  unarchive: async (runs) => note(runs, { archived: false }),
  delete: async (runs, { lists }) => {
    const places = new Set(lists.get('files-on'));
    return act(runs, async (client) => {
      const known = new Map((await client.call('runs', {})).runs.map((run) => [run.run, run]));
      await each(runs, (run) => {
        const { node = '', onNode = false } = known.get(run) ?? {};
        return client.call('deleteRun', { run, onNode: onNode && places.has(node) });
      });
    });
  },
  restore: async (runs) =>
    act(runs, (client) =>
      each(runs, async (run) => {
        const { shown } = await client.call('restoreRun', { run });
        if (!shown) process.stderr.write(`Run ${run} is shown as soon as its node is connected.\n`);
      }),
    ),
};

/** Does what the word says with the runs behind it. */
export async function actOnRuns(word: string, words: string[], options: ParsedOptions): Promise<number> {
  const action = actions[word];
  if (action && Object.hasOwn(actions, word)) return action(words, options);
  const near = nearest(word, Object.keys(actions));
  throw new BiphaseError(
    'usage',
    `"runs ${word}" is not known: ${Object.keys(actions).join(', ')}.${near ? ` Did you mean "${near}"?` : ''}`,
  );
}

async function note(runs: string[], change: NotesChange): Promise<number> {
  return act(runs, (client) => client.call('noteRuns', { runs, change }));
}

async function act(runs: string[], work: (client: ControlClient) => Promise<unknown>): Promise<number> {
  if (runs.length === 0) throw new BiphaseError('usage', 'Name the runs; "biphase runs" lists them.');
  const strange = runs.find((run) => !isRunId(run));
  if (strange !== undefined) throw new BiphaseError('missing', `There is no run ${strange}.`);
  return withControl(async (client) => {
    await work(client);
    return 0;
  });
}

/** All of them, also where one fails; then the first failure is thrown and the others are printed. */
async function each(runs: readonly string[], work: (run: string) => Promise<unknown>): Promise<void> {
  const failures: BiphaseError[] = [];
  for (const run of runs)
    try {
      await work(run);
    } catch (thrown) {
      failures.push(toBiphaseError(thrown));
    }
  const [first, ...others] = failures;
  if (!first) return;
  for (const { message } of others) process.stderr.write(`${printable(message)}\n`);
  throw first;
}

function checked(schema: typeof labelSchema, text: string, what: string, most: number): string {
  const { data } = schema.safeParse(text);
  if (data === undefined)
    throw new BiphaseError('usage', `${what} has 1 to ${most} characters, not ${text.trim().length}.`);
  return data;
}
