import fs from 'node:fs';
import path from 'node:path';
import { type FaultProxy, startFaultProxy } from './faultProxy.ts';
import type { PrivateHome } from './privateHome.ts';
import { knownHostsLine } from './sshd.ts';
import { type SshNode, startSshNode } from './sshNode.ts';

export interface ProxiedNode extends SshNode {
  proxy: FaultProxy;
}

/** A node behind a real sshd that the person reaches through a link that can be cut; `programs` come first on its PATH. */
export async function startProxiedNode(
  person: PrivateHome,
  { host = 'atlas', programs = '' } = {},
): Promise<ProxiedNode> {
  const node = await startSshNode(person, { host, programs });
  const { port } = node.sshd;
  const proxy = await startFaultProxy(port);
  const config = path.join(person.home, '.ssh/config');
  fs.writeFileSync(config, fs.readFileSync(config, 'utf8').replace(`Port ${port}\n`, `Port ${proxy.port}\n`));
  const line = knownHostsLine(node.sshd, `[127.0.0.1]:${proxy.port}`);
  fs.appendFileSync(path.join(person.home, '.ssh/known_hosts'), line);
  return { ...node, proxy };
}
