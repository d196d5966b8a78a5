import type { CommandEntry } from './command.ts';

/** Commands that a node needs; they are in the bundle. */
export const nodeCommands: CommandEntry[] = [
  {
    name: 'pretrain',
    summary: 'one pretraining run in the foreground',
    load: async () => (await import('./commands/pretrain.ts')).command,
  },
  {
    name: 'loss',
    summary: "a model's loss, gradients and optimizer steps on one batch",
    load: async () => (await import('./commands/loss.ts')).command,
  },
  {
    name: 'export',
    summary: "a model folder in another type, in shards, or under Optimus's names",
    load: async () => (await import('./commands/export.ts')).command,
  },
  {
    name: 'bench',
    summary: 'how fast this machine trains a shape',
    load: async () => (await import('./commands/bench.ts')).command,
  },
  {
    name: 'data',
    summary: 'token shards, and the built-in corpus',
    load: async () => (await import('./commands/data.ts')).command,
  },
  {
    name: 'tokenizer',
    summary: 'byte-level BPE trained on a corpus',
    load: async () => (await import('./commands/tokenizer.ts')).command,
  },
  {
    name: 'agent',
    summary: "serves this machine's runs to control over stdin and stdout (internal)",
    load: async () => (await import('./commands/agent.ts')).command,
  },
  {
    name: 'queue',
    summary: "starts this machine's waiting runs in free slots (internal)",
    load: async () => (await import('./commands/queue.ts')).command,
  },
  {
    name: 'wrapper',
    summary: 'starts one segment of a run and records how it ends (internal)',
    load: async () => (await import('./commands/wrapper.ts')).command,
  },
];
