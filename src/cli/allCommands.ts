import type { CommandEntry } from './command.ts';
import { controlCommands } from './controlCommands.ts';
import { nodeCommands } from './nodeCommands.ts';

const onControl = new Set(controlCommands.map(({ name }) => name));

/** What `biphase` knows on the user's machine. Where control has a command of a node's name, that does the node's part too. */
export const allCommands: CommandEntry[] = [
  ...nodeCommands.filter(({ name }) => !onControl.has(name)),
  ...controlCommands,
];
