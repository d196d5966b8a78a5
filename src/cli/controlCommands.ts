import type { CommandEntry } from './command.ts';

/** Commands that go through control; not in the bundle for nodes. */
export const controlCommands: CommandEntry[] = [
  {
    name: 'launch',
    summary: 'start a run on a node',
    load: async () => (await import('./commands/launch.ts')).command,
  },
  {
    name: 'runs',
    summary: 'all runs and their states',
    load: async () => (await import('./commands/runs.ts')).command,
  },
  {
    name: 'follow',
    summary: "print a run's values as they come",
    load: async () => (await import('./commands/follow.ts')).command,
  },
  {
    name: 'stop',
    summary: 'ask a run to save and stop',
    load: async () => (await import('./commands/stop.ts')).command,
  },
  {
    name: 'checkpoint',
    summary: 'copy a checkpoint to this machine or to another node',
    load: async () => (await import('./commands/checkpoint.ts')).command,
  },
  {
    name: 'export',
    summary: 'the curves of runs as TensorBoard, CSV or JSON lines; or a model folder in another type',
    load: async () => (await import('./commands/exportCurves.ts')).command,
  },
  {
    name: 'import',
    summary: 'curves of other programs: TensorBoard folders, CSV tables, metrics.jsonl',
    load: async () => (await import('./commands/import.ts')).command,
  },
  {
    name: 'nodes',
    summary: 'add, test, list and remove nodes; what takes space on one',
    load: async () => (await import('./commands/nodes.ts')).command,
  },
];
