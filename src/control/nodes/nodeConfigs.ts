import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { BiphaseError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type NodeConfig, nodeConfigSchema } from '../../protocol/controlApi.ts';

/** Name of the node that is always there. */
export const localNodeName = 'this computer';

/** What a host or user name may be: one word that no program takes for an option. */
const word = /^[^\s\p{C}-][^\s\p{C}]{0,252}$/u;
/** What a node's name may be: one line that is no path. */
const label = /^(?!\.)[^\p{C}/\\]{1,100}$/u;

/** What the path of a root may be: Node loads no program from a folder with a backslash in its name. */
const folder = /^[^\p{C}\\]{1,1000}$/u;

/** One sentence on a node that cannot be; undefined where it can. */
function whyNoNode({ name, kind, host, user, root }: NodeConfig): string | undefined {
  const shown = printable(name);
  if (root !== undefined && !folder.test(root))
    return `"${printable(root.slice(0, 60))}" cannot be the root of node "${shown}": write a path in one line, without \\.`;
  if (!label.test(name))
    return `"${shown}" cannot be the name of a node: write one line without / or \\, up to 100 characters, not beginning with a dot.`;
  if ((kind === 'local') !== (name === localNodeName))
    return `Only "${localNodeName}" can be of kind local, and it is always there.`;
  if (kind === 'local') return undefined;
  if (!host) return `Node "${shown}" needs a host.`;
  if (!word.test(host))
    return `"${printable(host.slice(0, 60))}" cannot be the host of node "${shown}": write an alias of ~/.ssh/config or a name, without blanks.`;
  if (user !== undefined && !word.test(user))
    return `"${printable(user.slice(0, 60))}" cannot be the user of node "${shown}".`;
  return undefined;
}

/** Far above what a person's nodes need. */
const mostBytes = 1 << 20;

const fileSchema = z.looseObject({ schema: z.literal(1), nodes: z.array(nodeConfigSchema) });

/** `nodes.json`: the nodes as the person configured them. This computer is in it only when it was changed. */
export class NodeConfigs {
  readonly #file: string;
  #nodes: NodeConfig[] = [];
  /** Of the file as it was read or written last. */
  #version: string | undefined;

  constructor(folder: string) {
    this.#file = path.join(folder, 'nodes.json');
    this.refresh();
  }

  /**
   * Reads the file again where somebody else has changed it: true where that was so.
   * @throws BiphaseError `damaged`; what was read before stays
   */
  refresh(): boolean {
    const version = versionOf(this.#file);
    if (version === this.#version) return false;
    this.#nodes = this.#read();
    this.#version = version;
    return true;
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
    this.refresh();
    const wrong = whyNoNode(config);
    if (wrong) throw new BiphaseError('usage', wrong);
    this.#write([...this.#nodes.filter((node) => node.name !== config.name), config]);
  }

  remove(name: string): void {
    if (name === localNodeName) throw new BiphaseError('usage', 'This computer cannot be removed.');
    this.refresh();
    if (!this.#nodes.some((node) => node.name === name))
      throw new BiphaseError('missing', `There is no node "${name}".`);
    this.#write(this.#nodes.filter((node) => node.name !== name));
  }

  #read(): NodeConfig[] {
    const text = this.#text();
    if (text === undefined) return [];
    let nodes: NodeConfig[];
    try {
      nodes = fileSchema.parse(JSON.parse(text)).nodes;
    } catch (cause) {
      throw this.#damaged('it is not what this version writes', cause);
    }
    for (const [index, node] of nodes.entries()) {
      const twice = nodes.findIndex(({ name }) => name === node.name) < index;
      const wrong = twice ? `two nodes are called "${printable(node.name)}"` : whyNoNode(node);
      if (wrong) throw this.#damaged(wrong);
    }
    return nodes;
  }

  /** Undefined where there is none yet. What is no file is not waited for. */
  #text(): string | undefined {
    let fd: number;
    try {
      fd = fs.openSync(this.#file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw this.#damaged(`it cannot be read (${code})`, thrown);
    }
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) throw this.#damaged('it is not a file');
      if (stat.size > mostBytes) throw this.#damaged('it is larger than 1 MiB');
      return fs.readFileSync(fd, 'utf8');
    } finally {
      fs.closeSync(fd);
    }
  }

  #damaged(why: string, cause?: unknown): BiphaseError {
    return new BiphaseError('damaged', `${this.#file} cannot be used: ${why.replace(/\.$/, '')}.`, {
      next: 'Correct it by hand, or move it away and add the nodes again.',
      cause,
    });
  }

  #write(nodes: NodeConfig[]): void {
    const part = `${this.#file}.part`;
    fs.writeFileSync(part, `${JSON.stringify({ schema: 1, nodes }, null, 2)}\n`, { mode: 0o600 });
    fs.renameSync(part, this.#file);
    this.#nodes = nodes;
    this.#version = versionOf(this.#file);
  }
}

/** Another one where the file was written to or replaced. */
function versionOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = fs.statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (thrown) {
    return String((thrown as NodeJS.ErrnoException).code);
  }
}
