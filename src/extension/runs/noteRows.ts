import type { RunSummary } from '../../protocol/controlApi.ts';
import type { NotesChange } from '../../protocol/runNotes.ts';
import { plainLabel } from '../plainLabel.ts';

type Noted = Pick<RunSummary, 'tags' | 'group'>;

const newTag = 'new tag';

export interface TagRow {
  label: string;
  description: string;
  tag: string;
}

export interface GroupPick {
  label: string;
  description: string;
  does: 'take' | 'none' | 'new';
  group: string;
}

/** Tags of all runs, each once, by name. */
export function knownTags(runs: Iterable<Noted>): string[] {
  return sortedOnce([...runs].flatMap(({ tags }) => tags));
}

export function knownGroups(runs: Iterable<Noted>): string[] {
  return sortedOnce([...runs].flatMap(({ group }) => group ?? []));
}

/** A row a tag; last one for the word that is typed, where that is no tag yet. */
export function tagRows(runs: readonly Noted[], known: readonly string[], typed: string): TagRow[] {
  const rows = known.map((tag) => {
    const count = runs.filter(({ tags }) => tags.includes(tag)).length;
    const some = count > 0 && count < runs.length;
    return { label: plainLabel(tag), description: some ? `${count} of ${runs.length}` : '', tag };
  });
  if (typed !== '' && !known.includes(typed))
    rows.push({ label: plainLabel(typed), description: newTag, tag: typed });
  return rows;
}

/** The row that Enter ticks: the tag as typed, else one that begins so, else one that has it, else the new one. */
export function tagMeant(rows: readonly TagRow[], typed: string): TagRow | undefined {
  if (typed === '') return undefined;
  const wanted = typed.toLowerCase();
  const known = rows.filter(({ description }) => description !== newTag);
  return (
    known.find(({ tag }) => tag.toLowerCase() === wanted) ??
    known.find(({ tag }) => tag.toLowerCase().startsWith(wanted)) ??
    known.find(({ tag }) => tag.toLowerCase().includes(wanted)) ??
    rows.find(({ tag }) => tag === typed)
  );
}

/** Tags that all of the runs have. */
export function commonTags(runs: readonly Noted[]): Set<string> {
  const [first, ...others] = runs;
  return new Set(first?.tags.filter((tag) => others.every(({ tags }) => tags.includes(tag))));
}

/**
 * What ticking these tags for runs means: all get those, and lose what all had and is not ticked. A tag that only some
 * have stays with them. Undefined where nothing changes.
 */
export function tagChange(runs: readonly Noted[], ticked: ReadonlySet<string>): NotesChange | undefined {
  const common = commonTags(runs);
  const addTags = [...ticked].filter((tag) => !common.has(tag));
  const removeTags = [...common].filter((tag) => !ticked.has(tag));
  return addTags.length + removeTags.length > 0 ? { addTags, removeTags } : undefined;
}

/** New first, then the groups that are there, then none where a run is in one. */
export function groupRows(runs: readonly Noted[], known: readonly string[]): GroupPick[] {
  const countOf = (group: string): number => runs.filter((run) => run.group === group).length;
  return [
    { label: 'New group…', description: '', does: 'new', group: '' },
    ...known.map((group): GroupPick => {
      const count = countOf(group);
      const description =
        count === 0 ? '' : count === runs.length ? 'now' : `now, ${count} of ${runs.length}`;
      return { label: plainLabel(group), description, does: 'take', group };
    }),
    ...(runs.some(({ group }) => group !== null)
      ? [{ label: 'No group', description: 'Takes them out', does: 'none', group: '' } satisfies GroupPick]
      : []),
  ];
}

function sortedOnce(words: readonly string[]): string[] {
  return [...new Set(words)].sort(new Intl.Collator('en', { numeric: true }).compare);
}
