import { isDeepStrictEqual } from 'node:util';
import { BiphaseError } from '../../core/errors.ts';
import { gpuLabel, gpuUse } from '../../core/gpuOccupancy.ts';
import type { NodeConfig, NodeSummary } from '../../protocol/controlApi.ts';
import type { AgentLink } from './agentLink.ts';
import { ManagedNode, type ManagedNodeContext } from './managedNode.ts';
import { localNodeName, type NodeConfigs } from './nodeConfigs.ts';
import type { NodeKind } from './transport.ts';

export type NodeKinds = Partial<Record<NodeConfig['kind'], NodeKind>>;

/** The configured nodes and their connections. */
export class NodeManager {
  readonly #configs: NodeConfigs;
  readonly #kinds: NodeKinds;
  readonly #context: Omit<ManagedNodeContext, 'kind' | 'log'> & { log: (line: string) => void };
  readonly #nodes = new Map<string, ManagedNode>();

  constructor(
    configs: NodeConfigs,
    kinds: NodeKinds,
    context: Omit<ManagedNodeContext, 'kind' | 'log'> & { log: (line: string) => void },
  ) {
    this.#configs = configs;
    this.#kinds = kinds;
    this.#context = context;
    for (const config of configs.list()) this.#create(config);
  }

  all(): ManagedNode[] {
    return [...this.#nodes.values()];
  }

  /** The node of that name; `local` also means this computer. */
  get(name: string): ManagedNode {
    const node = this.#nodes.get(name) ?? (name === 'local' ? this.#nodes.get(localNodeName) : undefined);
    if (!node)
      throw new BiphaseError('missing', `There is no node "${name}".`, {
        next: 'Add it, or choose another one.',
      });
    return node;
  }

  has(name: string): boolean {
    return this.#nodes.has(name);
  }

  /**
   * Takes over what somebody else has changed in the file of nodes. Answers with nodes that are gone or were replaced.
   * @throws BiphaseError `damaged`; every node stays
   */
  refresh(): ManagedNode[] {
    if (!this.#configs.refresh()) return [];
    const configs = new Map(this.#configs.list().map((config) => [config.name, config]));
    const replaced = this.all().filter(({ config }) => !isDeepStrictEqual(configs.get(config.name), config));
    for (const node of replaced) {
      node.close();
      this.#nodes.delete(node.config.name);
    }
    for (const config of configs.values()) if (!this.has(config.name)) this.#create(config);
    return replaced;
  }

  /** Adds a node; one of the same name is replaced and its connection dropped. */
  add(config: NodeConfig): void {
    this.#configs.set(config);
    this.#nodes.get(config.name)?.close();
    this.#create(config);
  }

  remove(name: string): void {
    const node = this.get(name);
    this.#configs.remove(node.config.name);
    node.close();
    this.#nodes.delete(node.config.name);
  }

  /** Connects, prepares and looks around; every finding is one sentence. */
  async test(name: string): Promise<{ ok: boolean; findings: string[] }> {
    const node = this.get(name);
    try {
      const link = await node.use();
      const { hello } = link;
      const probe = await node.freshProbe();
      const findings = [
        `Connected to ${hello.host} (${hello.platform} ${hello.arch}).`,
        ...node.findings,
        ...(probe ? probeFindings(probe) : []),
      ];
      return { ok: true, findings };
    } catch (error) {
      const { message, next } = error as BiphaseError;
      return { ok: false, findings: [next ? `${message} ${next}` : message] };
    }
  }

  summary(node: ManagedNode, { busy, waiting } = { busy: 0, waiting: 0 }): NodeSummary {
    return {
      config: node.config,
      connection: node.connection,
      ...(node.message === undefined ? {} : { message: node.message }),
      ...(node.next === undefined ? {} : { next: node.next }),
      ...(node.progress === undefined ? {} : { progress: node.progress }),
      probe: node.probe,
      runningRuns: busy,
      waitingRuns: waiting,
      hold: node.hold,
    };
  }

  async use(name: string): Promise<{ node: ManagedNode; link: AgentLink }> {
    const node = this.get(name);
    return { node, link: await node.use() };
  }

  /** This computer has slept. */
  wake(): void {
    for (const node of this.#nodes.values()) node.wake();
  }

  close(): void {
    for (const node of this.#nodes.values()) node.close();
  }

  #create(config: NodeConfig): void {
    const kind = this.#kinds[config.kind];
    if (!kind) throw new BiphaseError('internal', `There are no nodes of kind ${config.kind}.`);
    const log = (line: string): void => this.#context.log(`[${config.name}] ${line}`);
    this.#nodes.set(config.name, new ManagedNode(config, { ...this.#context, kind, log }));
  }
}

function probeFindings(probe: NonNullable<NodeSummary['probe']>): string[] {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return [
    `${probe.cores} cores, ${gib(probe.memoryFreeBytes)} of ${gib(probe.memoryTotalBytes)} memory free.`,
    `${gib(probe.diskFreeBytes)} free on the disk of the root.`,
    ...probe.gpus.map((gpu) => `${gpuLabel(gpu)}: ${gpu.name}, ${gpuUse(gpu, () => undefined)}.`),
    ...probe.warnings,
  ];
}
