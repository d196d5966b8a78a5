import type { FolderList } from '../../protocol/agentApi.ts';
import type { NodeManager } from './nodeManager.ts';

/** Folders and corpora in a folder of a node; connects where needed, which may ask the person. */
export async function listFolder(nodes: NodeManager, node: string, path: string): Promise<FolderList> {
  const { link } = await nodes.use(node);
  return link.call('list', { path });
}
