import { controlCommands } from './controlCommands.ts';
import { dispatch } from './dispatch.ts';
import { nodeCommands } from './nodeCommands.ts';

// `biphase` on the user's machine: the node's commands and those that go through control.
process.exitCode = await dispatch([...nodeCommands, ...controlCommands], process.argv.slice(2));
