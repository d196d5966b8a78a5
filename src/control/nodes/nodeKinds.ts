import { localNode } from './localNode.ts';
import type { NodeKinds } from './nodeManager.ts';
import { sshNode } from './ssh/sshNode.ts';

/** Every kind of node that this version can reach. */
export const nodeKinds: NodeKinds = { local: localNode, ssh: sshNode };
