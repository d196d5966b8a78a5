import { isGpuFree } from '../../core/gpuOccupancy.ts';
import { formatBytes } from '../../core/numberFormat.ts';
import { slurmSentence } from '../../core/slurmText.ts';
import type { NodeSummary } from '../../protocol/controlApi.ts';
import { gpusInShort } from './gpuText.ts';

type Connection = NodeSummary['connection'];

/** A codicon and a theme colour for each connection state: shape and colour both say it. */
export const nodeIcons: Record<Connection, { icon: string; color: string }> = {
  idle: { icon: 'circle-outline', color: 'descriptionForeground' },
  connecting: { icon: 'loading~spin', color: 'charts.blue' },
  preparing: { icon: 'cloud-upload', color: 'charts.blue' },
  connected: { icon: 'circle-filled', color: 'charts.green' },
  retrying: { icon: 'sync', color: 'charts.yellow' },
  'needs-you': { icon: 'bell-dot', color: 'charts.yellow' },
  refused: { icon: 'circle-slash', color: 'charts.red' },
};

/** What stands beside a node's name: "2 cores · 1 running", "4 × H200 · 2 busy", or what is wrong. */
export function nodeDescription(node: NodeSummary): string {
  switch (node.connection) {
    case 'connected': {
      const { config, runningRuns, waitingRuns, hold } = node;
      // Of a node with Slurm only the login node is seen.
      const probe = config.slurm ? null : node.probe;
      const parts: string[] = probe ? gpusInShort(probe.gpus) : [];
      if (config.slurm) parts.push('slurm');
      if (probe && parts.length === 0) parts.push(`${probe.cores} ${probe.cores === 1 ? 'core' : 'cores'}`);
      const busy = probe?.gpus.some((gpu) => !isGpuFree(gpu)) ?? false;
      if (runningRuns > 0) parts.push(`${runningRuns} running`);
      else if (!busy && waitingRuns === 0) parts.push('idle');
      if (waitingRuns > 0) parts.push(`${waitingRuns} ${config.slurm ? 'pending' : 'waiting'}`);
      // First: the end of a long row is cut off.
      if (hold) parts.unshift(hold);
      return parts.join(' · ');
    }
    case 'preparing':
      return `preparing${node.progress === undefined ? '' : ` ${Math.floor(node.progress * 100)} %`}`;
    case 'idle':
      if (node.message !== undefined) return node.message;
      return node.config.kind === 'local' ? 'starts when needed' : 'not connected';
    case 'needs-you':
      return node.message ?? 'needs you';
    default:
      return node.message ?? node.connection;
  }
}

/** What happened when a queue was held or went on. */
export function heldText(name: string, hold: NodeSummary['hold']): string {
  if (hold === null) return `The queue of ${name} goes on.`;
  if (hold === 'paused') return `The queue of ${name} is paused: what runs goes on, and nothing new starts.`;
  return `${name} is being drained: what runs goes on, nothing new starts, and waiting runs of a batch go to its other nodes.`;
}

/** Lines of a node's tooltip. */
export function nodeTooltip(node: NodeSummary): string[] {
  const { config, probe } = node;
  const lines = [config.name];
  if (config.kind === 'ssh') lines.push(`Host: ${config.user ? `${config.user}@` : ''}${config.host ?? ''}`);
  lines.push(`Connection: ${node.connection}${node.message ? `. ${node.message}` : ''}`);
  if (node.next) lines.push(node.next);
  if (config.slurm) lines.push(slurmSentence(config.slurm).replace('Slurm starts it', 'Slurm starts runs'));
  if (probe) {
    lines.push(`Cores: ${probe.cores}, load ${probe.load.toFixed(1)}`);
    lines.push(
      `Memory free: ${formatBytes(probe.memoryFreeBytes)} of ${formatBytes(probe.memoryTotalBytes)}`,
    );
    lines.push(`Disk free: ${formatBytes(probe.diskFreeBytes)}`);
    lines.push(...probe.warnings);
  }
  return lines;
}

/** What a test of a node says in one sentence, or why it failed; everything it found is in the log. */
export function testText(
  name: string,
  ok: boolean,
  findings: readonly string[],
  warnings: readonly string[],
): string {
  if (!ok) return `${name} does not work. ${findings.join(' ')}`;
  if (warnings.length === 0) return `${name} works: runs can start there.`;
  return `${name} works, with ${warnings.length === 1 ? 'a warning' : `${warnings.length} warnings`} in the log.`;
}
