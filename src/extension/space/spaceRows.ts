import { formatBytes, formatCount } from '../../core/numberFormat.ts';
import { isActive } from '../../core/runState.ts';
import type { DiskUse, RunUse, SpaceItem } from '../../protocol/diskSpace.ts';
import { startedText } from '../views/runText.ts';

export const sections = ['checkpoints', 'runs', 'cache', 'bundles'] as const;
export type Section = (typeof sections)[number];

/** One thing that can be ticked. */
export interface SpaceRow {
  section: Section;
  label: string;
  /** Size first: what the eye looks for. */
  description: string;
  detail: string;
  bytes: number;
  item: SpaceItem;
}

/** What a person may delete on a node, by section and the largest first. Nothing that an active run needs is in it. */
export function spaceRows(use: DiskUse): SpaceRow[] {
  const ended = use.runs.filter((run) => !isActive(run.state));
  const rows = [
    ...ended.flatMap(checkpointRows),
    ...ended.map(runRow),
    ...(isCacheInUse(use) ? [] : use.cache.map(cacheRow)),
    ...use.bundles.filter(({ needed }) => !needed).map(bundleRow),
  ];
  const order = (row: SpaceRow): number => sections.indexOf(row.section);
  return rows.sort((a, b) => order(a) - order(b) || b.bytes - a.bytes);
}

/** No record says which run reads which entry, so all of them wait for every run's end. */
export function isCacheInUse(use: DiskUse): boolean {
  return use.runs.some((run) => isActive(run.state));
}

/** Old checkpoints of a run together; each one that something keeps is ticked by itself. */
function checkpointRows({ run, name, state, checkpoints }: RunUse): SpaceRow[] {
  const rowOf = (chosen: RunUse['checkpoints'], what: string, kept: boolean): SpaceRow => {
    const bytes = chosen.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
    const steps = chosen.map(({ step }) => step);
    return {
      section: 'checkpoints',
      label: name,
      description: `${formatBytes(bytes)} · ${what}`,
      detail: `${state} · ${run}`,
      bytes,
      item: { kind: 'checkpoints', run, steps, kept },
    };
  };
  const old = checkpoints.filter(({ kept }) => kept === null);
  const rows = checkpoints.flatMap((checkpoint) => {
    if (checkpoint.kept === null || checkpoint.kept === 'last') return [];
    const why = checkpoint.kept === 'at' ? 'kept by its run file' : 'another run begins from it';
    return [rowOf([checkpoint], `checkpoint of step ${formatCount(checkpoint.step)}, ${why}`, true)];
  });
  return old.length === 0 ? rows : [rowOf(old, oldText(old.map(({ step }) => step)), false), ...rows];
}

/** "2 old checkpoints, steps 100 and 150" */
function oldText(steps: readonly number[]): string {
  const [first, second] = steps.map(formatCount);
  if (steps.length === 1) return `old checkpoint of step ${first}`;
  const which = steps.length === 2 ? `${first} and ${second}` : `${first} to ${formatCount(steps.at(-1)!)}`;
  return `${steps.length} old checkpoints, steps ${which}`;
}

function runRow({ run, name, state, bytes, checkpointBytes, checkpoints }: RunUse): SpaceRow {
  const origin = checkpoints.some(({ kept }) => kept === 'origin');
  return {
    section: 'runs',
    label: name,
    description: `${formatBytes(bytes)} · the whole run (checkpoints ${formatBytes(checkpointBytes)})`,
    detail: [state, run, ...(origin ? ['another run begins from one of its checkpoints'] : [])].join(' · '),
    bytes,
    item: { kind: 'run', run },
  };
}

/** What lies in each folder of the cache. */
const cacheKinds = new Map([
  ['tokens', 'Tokens of a corpus'],
  ['tokenizers', 'Tokenizer'],
  ['hub', 'Commit of a hub dataset'],
  ['fingerprints', 'Fingerprint of files'],
  ['corpora', 'Corpus of another machine'],
  ['checkpoints', 'Checkpoint of another node'],
]);
/** How each comes back, where the next run that needs it does not make it. */
const comeBack = new Map([
  ['corpora', 'copied again when a run of that machine is launched or resumed'],
  ['checkpoints', 'copied again when somebody asks for it'],
]);

function cacheRow({ entry, bytes, changedAt }: DiskUse['cache'][number]): SpaceRow {
  const kind = entry.slice(0, entry.indexOf('/'));
  return {
    section: 'cache',
    label: cacheKinds.get(kind) ?? 'Cache entry',
    description: `${formatBytes(bytes)} · written ${startedText(changedAt)}`,
    detail: `${entry} · ${comeBack.get(kind) ?? 'made again by the next run that needs it'}`,
    bytes,
    item: { kind: 'cache', entry },
  };
}

function bundleRow({ hash, bytes }: DiskUse['bundles'][number]): SpaceRow {
  return {
    section: 'bundles',
    label: 'Programs of another version',
    description: formatBytes(bytes),
    detail: `${hash} · no run resumes with them`,
    bytes,
    item: { kind: 'bundle', hash },
  };
}

/** What is deleted for what is ticked: the checkpoints of a ticked run go with it, and count once. */
export function withoutDoubles(rows: readonly SpaceRow[]): SpaceRow[] {
  const runs = new Set(rows.flatMap(({ item }) => (item.kind === 'run' ? [item.run] : [])));
  return rows.filter(({ item }) => item.kind !== 'checkpoints' || !runs.has(item.run));
}

export function sumBytes(rows: readonly { bytes: number }[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}
