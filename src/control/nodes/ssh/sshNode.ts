import { prepareNode } from '../bootstrap/prepareNode.ts';
import type { Prompter } from '../prompter.ts';
import type { NodeKind } from '../transport.ts';
import { connectSsh } from './connect.ts';
import { SshTransport } from './sshTransport.ts';

/** Nodes reached over SSH as ~/.ssh/config describes them; what the node's own settings say comes first. */
export const sshNode: NodeKind = {
  async connect(config, prompts: Prompter, signal, log) {
    const { host = config.name, user, port, identityFile } = config;
    const connection = await connectSsh(
      { host, user, port, identityFile },
      { node: config.name, prompts, signal, log },
    );
    return new SshTransport(connection);
  },
  prepare: prepareNode,
};
