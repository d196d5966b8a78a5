import { allCommands } from './allCommands.ts';
import { dispatch } from './dispatch.ts';

// `biphase` on the user's machine: the node's commands and those that go through control.
process.exitCode = await dispatch(allCommands, process.argv.slice(2));
