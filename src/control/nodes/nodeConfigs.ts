import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { BiphaseError } from '../../core/errors.ts';
import { type NodeConfig, nodeConfigSchema } from '../../protocol/controlApi.ts';

/** Name of the node that is always there. */
export const localNodeName = 'this computer';

const fileSchema = z.looseObject({ schema: z.literal(1), nodes: z.array(nodeConfigSchema) });

/** `nodes.json`: the nodes as the person configured them. This computer is in it only when it was changed. */
export class NodeConfigs {
  readonly #file: string;
  #nodes: NodeConfig[];

  constructor(folder: string) {
    this.#file = path.join(folder, 'nodes.json');
    this.#nodes = this.#read();
  }

  list(): NodeConfig[] {
    const local = this.#nodes.find((node) => node.name === localNodeName) ?? {
      name: localNodeName,
      kind: 'local' as const,
    };
    return [local, ...this.#nodes.filter((node) => node.name !== localNodeName)];
  }

  /** Adds a node, or replaces the one of that name. */
  set(config: NodeConfig): void {
    if ((config.kind === 'local') !== (config.name === localNodeName))
      throw new BiphaseError(
        'usage',
        `Only "${localNodeName}" can be of kind local, and it is always there.`,
      );
    if (config.kind === 'ssh' && !config.host)
      throw new BiphaseError('usage', `Node "${config.name}" needs a host.`);
    this.#write([...this.#nodes.filter((node) => node.name !== config.name), config]);
  }

  remove(name: string): void {
    if (name === localNodeName) throw new BiphaseError('usage', 'This computer cannot be removed.');
    if (!this.#nodes.some((node) => node.name === name))
      throw new BiphaseError('missing', `There is no node "${name}".`);
    this.#write(this.#nodes.filter((node) => node.name !== name));
  }

  #read(): NodeConfig[] {
    let text: string;
    try {
      text = fs.readFileSync(this.#file, 'utf8');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw thrown;
    }
    try {
      return fileSchema.parse(JSON.parse(text)).nodes;
    } catch (cause) {
      throw new BiphaseError('damaged', `${this.#file} is not readable.`, {
        next: 'Correct it by hand, or move it away and add the nodes again.',
        cause,
      });
    }
  }

  #write(nodes: NodeConfig[]): void {
    const part = `${this.#file}.part`;
    fs.writeFileSync(part, `${JSON.stringify({ schema: 1, nodes }, null, 2)}\n`, { mode: 0o600 });
    fs.renameSync(part, this.#file);
    this.#nodes = nodes;
  }
}
