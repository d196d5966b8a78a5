import { dispatch } from './dispatch.ts';
import { nodeCommands } from './nodeCommands.ts';

// `biphase` on a node: what is in the bundle.
process.exitCode = await dispatch(nodeCommands, process.argv.slice(2));
