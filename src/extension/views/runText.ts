import { formatBytes, formatCompact, formatDuration } from '../../core/numberFormat.ts';
import { startsBefore } from '../../core/scheduling.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import { activeStates, type MetricNumber, type RunState } from '../../protocol/runDirectory.ts';
import { itemContexts } from '../ids.ts';

/** States from which a new segment can be started. */
const resumableStates: readonly RunState[] = ['stopped', 'failed', 'preempted', 'lost'];

/** Whether the run can be stopped. */
export function isActive(run: Pick<RunSummary, 'state'>): boolean {
  return activeStates.includes(run.state);
}

export function isResumable(run: Pick<RunSummary, 'state' | 'onNode'>): boolean {
  return run.onNode && resumableStates.includes(run.state);
}

/** `viewItem` of a run in the tree: what its buttons depend on. */
export function runContext(run: Pick<RunSummary, 'state' | 'onNode' | 'queue'>): string {
  if (run.queue) return itemContexts.queuedRun;
  if (isActive(run)) return itemContexts.activeRun;
  return isResumable(run) ? itemContexts.resumableRun : itemContexts.endedRun;
}

/** A codicon and a theme colour for each state: shape and colour both say it. */
export const runIcons: Record<RunState, { icon: string; color: string }> = {
  queued: { icon: 'clock', color: 'descriptionForeground' },
  starting: { icon: 'loading~spin', color: 'charts.blue' },
  running: { icon: 'play-circle', color: 'charts.blue' },
  stopping: { icon: 'stop-circle', color: 'charts.yellow' },
  stopped: { icon: 'debug-pause', color: 'charts.yellow' },
  finished: { icon: 'pass', color: 'charts.green' },
  failed: { icon: 'error', color: 'charts.red' },
  preempted: { icon: 'debug-disconnect', color: 'charts.orange' },
  lost: { icon: 'question', color: 'charts.orange' },
};

/** A loss for a narrow column: "2.31", "NaN". */
export function lossText(loss: MetricNumber | null): string {
  if (loss === null) return '';
  if (typeof loss === 'string') return loss;
  return loss.toFixed(2);
}

/** "10:42" in the local time of the person, with the day where it is not today. */
export function clockText(unixSeconds: number, now: Date = new Date()): string {
  const at = new Date(unixSeconds * 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "24 Nov 14:03" in the local time of the person: with the day, since trees are not drawn anew at midnight. */
export function startedText(unixSeconds: number): string {
  const at = new Date(unixSeconds * 1000);
  const time = [at.getHours(), at.getMinutes()].map((n) => String(n).padStart(2, '0')).join(':');
  return `${at.getDate()} ${months[at.getMonth()]} ${time}`;
}

/** What stands beside a run in the tree: how it is, and when it was launched, which tells runs of one name apart. */
export function runTreeDescription(run: RunSummary, place?: string): string {
  return [runDescription(run), place ?? '', startedText(run.createdAt)]
    .filter((part) => part !== '')
    .join(' · ');
}

/** What stands beside a run's name: "18.2k/42k · 2.31 · 4 h left". */
export function runDescription(run: RunSummary): string {
  const parts: string[] = [];
  const loss = lossText(run.loss);
  switch (run.state) {
    case 'running':
    case 'stopping':
      if (run.totalSteps > 0) parts.push(`${formatCompact(run.step)}/${formatCompact(run.totalSteps)}`);
      if (loss) parts.push(loss);
      if (run.state === 'stopping') parts.push('stopping');
      else if (run.doing && run.doing !== 'training') parts.push(run.doing);
      else if (run.secondsLeft !== null) parts.push(`${formatDuration(run.secondsLeft)} left`);
      break;
    case 'finished':
      if (loss) parts.push(loss);
      break;
    case 'failed':
      parts.push(run.reason ?? 'failed');
      if (run.step > 0) parts.push(`step ${formatCompact(run.step)}`);
      break;
    default:
      parts.push(run.state);
      if (run.step > 0 && run.totalSteps > 0)
        parts.push(`${formatCompact(run.step)}/${formatCompact(run.totalSteps)}`);
      if (loss) parts.push(loss);
  }
  if (!run.connected && isActive(run)) parts.push(`as of ${clockText(run.asOf)}, not connected`);
  if (!run.onNode) parts.push('gone from the node');
  return parts.join(' · ');
}

/** What a screen reader says of a run's row: each number with what it is. */
export function runSpoken(
  run: RunSummary,
  { place, seed }: { place?: string | undefined; seed?: string | undefined } = {},
): string {
  const loss = lossText(run.loss);
  const { baseline, archived, connected, onNode, tags, doing, secondsLeft } = run;
  const active = isActive(run);
  return [
    run.name,
    run.state,
    run.kind === 'imported' ? 'imported' : '',
    seed ?? '',
    run.state === 'failed' ? (run.reason ?? '') : '',
    run.state !== 'finished' && run.step > 0 ? `step ${run.step} of ${run.totalSteps}` : '',
    loss && `loss ${loss}`,
    active && doing && doing !== 'training' ? doing : '',
    active && secondsLeft !== null ? `${formatDuration(secondsLeft)} left` : '',
    active && !connected ? `not connected, as of ${clockText(run.asOf)}` : '',
    onNode ? '' : 'gone from the node',
    place ?? '',
    `launched ${startedText(run.createdAt)}`,
    baseline ? 'baseline' : '',
    archived ? 'archived' : '',
    tags.length > 0 ? `tagged ${tags.join(', ')}` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** "queue" of a node, in the order in which its runs start: run id to "2nd of 12 on atlas". */
export function queuePlaces(runs: Iterable<RunSummary>): Map<string, string> {
  const byNode = new Map<string, { run: string; priority: number; submittedAt: number }[]>();
  for (const { run, node, queue } of runs) {
    if (!queue) continue;
    const jobs = byNode.get(node) ?? [];
    byNode.set(node, jobs);
    jobs.push({ run, ...queue });
  }
  const places = new Map<string, string>();
  for (const [node, jobs] of byNode)
    for (const [index, { run }] of jobs.sort(startsBefore).entries())
      places.set(run, `${ordinal(index + 1)} of ${jobs.length} on ${node}`);
  return places;
}

function ordinal(n: number): string {
  const form = new Intl.PluralRules('en', { type: 'ordinal' }).select(n);
  const ending = { one: 'st', two: 'nd', few: 'rd', other: 'th', zero: 'th', many: 'th' }[form];
  return `${n}${ending}`;
}

/** Lines of a run's tooltip, as label and value. */
export function runTooltip(run: RunSummary): string[] {
  const lines = [`${run.name} (${run.run})`, `State: ${run.state}${run.reason ? `: ${run.reason}` : ''}`];
  lines.push(`Node: ${run.node}${run.connected ? '' : `, not connected, as of ${clockText(run.asOf)}`}`);
  if (run.state === 'queued') lines.push('Settings of the node: as they were at its launch');
  if (run.queue && run.queue.priority !== 0) lines.push(`Priority: ${run.queue.priority}`);
  if (run.totalSteps > 0)
    lines.push(`Step: ${run.step} of ${run.totalSteps}, ${formatCompact(run.tokens)} tokens`);
  if (run.tokensPerSecond !== null) lines.push(`Speed: ${formatCompact(run.tokensPerSecond)} tokens/s`);
  if (run.loss !== null) lines.push(`Loss: ${lossText(run.loss)} nats`);
  if (run.secondsLeft !== null && isActive(run)) lines.push(`Left: ${formatDuration(run.secondsLeft)}`);
  if (run.phases.length > 0)
    lines.push(`Phases: ${run.phases.map((p) => `${p.objective} until ${p.until}`).join(', ')}`);
  if (run.segment > 0) lines.push(`Segment: ${run.segment}`);
  if (run.disk)
    lines.push(
      `On disk: ${formatBytes(run.disk.bytes)}, checkpoints ${formatBytes(run.disk.checkpointBytes)}, measured ${clockText(run.disk.at)}`,
    );
  if (run.unreadableLines > 0) lines.push(`Lines that could not be read: ${run.unreadableLines}`);
  if (run.name !== run.launchedName) lines.push(`Launched as: ${run.launchedName}`);
  if (run.parent !== null) lines.push(`Began from: ${run.parent}`);
  if (run.seed !== null) lines.push(`Seed: ${run.seed}`);
  if (run.group !== null) lines.push(`Group: ${run.group}`);
  if (run.tags.length > 0) lines.push(`Tags: ${run.tags.join(', ')}`);
  if (run.baseline) lines.push('Baseline of comparisons');
  if (run.archived) lines.push('Archived');
  lines.push(`Launched: ${clockText(run.createdAt)}`);
  return lines;
}

/** Newest first: the order of every tree and pick. */
export function newestFirst(a: RunSummary, b: RunSummary): number {
  return b.createdAt - a.createdAt || (a.run < b.run ? 1 : -1);
}

/** "▶ 2 running · 2.31": the loss of the newest running run; undefined where nothing runs. */
export function statusBarText(runs: readonly RunSummary[]): string | undefined {
  const active = runs.filter((run) => isActive(run) && run.state !== 'queued').sort(newestFirst);
  if (active.length === 0) return undefined;
  const newest = active.find((run) => run.loss !== null);
  return `$(play) ${active.length} running${newest ? ` · ${lossText(newest.loss)}` : ''}`;
}
