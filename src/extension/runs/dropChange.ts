import type { Grouping } from '../../core/runList/runGroups.ts';
import type { NotesChange } from '../../protocol/runNotes.ts';

/** What dropping runs on a group of the tree means: its tag more, or its group; undefined where it means nothing. */
export function dropChange(grouping: Grouping, name: string | null): NotesChange | undefined {
  if (grouping === 'group') return { group: name };
  if (grouping === 'tag' && name !== null) return { addTags: [name] };
  return undefined;
}
