import { formatBytes } from '../../core/numberFormat.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { plainLabel } from '../plainLabel.ts';
import { isActive } from '../views/runText.ts';

const mostNamed = 8;

export interface DeleteRow {
  label: string;
  description: string;
  node: string;
}

/** Why these runs cannot be deleted: some may be at work. Undefined where none is. */
export function workingRuns(runs: readonly RunSummary[]): string | undefined {
  const working = runs.filter((run) => run.onNode && isActive(run));
  const [first] = working;
  if (!first) return undefined;
  if (working.length === 1) return `${first.name} is ${first.state}, so nothing was deleted. Stop it first.`;
  return `${working.length} of these runs are at work or waiting, so nothing was deleted. Stop them first.`;
}

/** Whether a node has files of it. An imported run is on this computer alone. */
export function hasFiles({ onNode, kind }: RunSummary): boolean {
  return onNode && kind !== 'imported';
}

/** A row a node that has files of the runs, with what is known of their size. */
export function deleteRows(runs: readonly RunSummary[]): DeleteRow[] {
  const byNode = new Map<string, RunSummary[]>();
  for (const run of runs) if (hasFiles(run)) byNode.set(run.node, [...(byNode.get(run.node) ?? []), run]);
  return [...byNode].map(([node, own]) => {
    const checkpoints = own.reduce((sum, run) => sum + run.checkpoints.length, 0);
    const measured = own.every(({ disk }) => disk !== undefined);
    const bytes = own.reduce((sum, { disk }) => sum + (disk?.bytes ?? 0), 0);
    return {
      node,
      label: `Also delete the files on ${plainLabel(node)}`,
      description: [
        own.length === 1 ? '1 run' : `${own.length} runs`,
        checkpoints === 1 ? '1 checkpoint' : `${checkpoints} checkpoints`,
        ...(measured ? [formatBytes(bytes)] : []),
      ].join(', '),
    };
  });
}

/** The last question: what goes and what stays, with names. */
export function deleteQuestion(
  runs: readonly RunSummary[],
  places: ReadonlySet<string>,
): { question: string; detail: string; yes: string } {
  const [only] = runs;
  const what = only && runs.length === 1 ? only.name : `${runs.length} runs`;
  const gone = runs.filter((run) => hasFiles(run) && places.has(run.node));
  const kept = runs.filter((run) => hasFiles(run) && !places.has(run.node));
  const imported = runs.filter(({ kind }) => kind === 'imported').length;
  const named = runs.slice(0, mostNamed).map(({ name, run }) => `${name} (${run})`);
  const checkpoints = gone.reduce((sum, run) => sum + run.checkpoints.length, 0);
  const lines = [
    ...(runs.length > 1 ? named : []),
    ...(runs.length > mostNamed ? [`and ${runs.length - mostNamed} more`] : []),
    ...(gone.length > 0
      ? [
          `Files on ${nodesOf(gone)} are deleted: ${countText(gone.length, 'run')}, ${countText(checkpoints, 'checkpoint')}. That cannot be undone.`,
        ]
      : []),
    ...(kept.length > 0
      ? [`Files on ${nodesOf(kept)} stay. This computer forgets curves, and shows these runs no more.`]
      : []),
    ...(imported > 0 ? ['What was imported is deleted here. What it was made from stays.'] : []),
    ...(gone.length + kept.length + imported < runs.length
      ? ['Runs that are gone from their node are lost for good.']
      : []),
  ];
  return { question: `Delete ${what}?`, detail: lines.join('\n'), yes: 'Delete' };
}

/** What was deleted, what stays, and what went wrong. */
export function deletedText(
  runs: readonly RunSummary[],
  kept: readonly RunSummary[],
  problems: readonly string[],
): string {
  const parts = [];
  if (runs.length > 0) parts.push(`Deleted ${runs.length === 1 ? runs[0]?.name : `${runs.length} runs`}.`);
  if (kept.length > 0)
    parts.push(`${kept.length === 1 ? 'Its files stay' : 'Files stay'} on ${nodesOf(kept)}.`);
  const [problem] = problems;
  if (problem !== undefined)
    parts.push(
      problems.length === 1
        ? `Not deleted: ${problem}`
        : `${problems.length} were not deleted, the first: ${problem}`,
    );
  return parts.join(' ');
}

function nodesOf(runs: readonly RunSummary[]): string {
  return new Intl.ListFormat('en').format(new Set(runs.map(({ node }) => node)));
}

function countText(n: number, noun: string): string {
  return n === 1 ? `1 ${noun}` : `${n} ${noun}s`;
}
