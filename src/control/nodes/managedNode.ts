import { scaledMs } from '../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { agentProtocolVersion, type Probe } from '../../protocol/agentApi.ts';
import type { NodeConfig, NodeSummary } from '../../protocol/controlApi.ts';
import type { QueueHold } from '../../protocol/queue.ts';
import { AgentLink, type AgentListener } from './agentLink.ts';
import type { Bundle } from './bundle.ts';
import type { Prompter } from './prompter.ts';
import type { NodeKind, Transport } from './transport.ts';

export interface ManagedNodeContext {
  kind: NodeKind;
  bundle: () => Bundle;
  /** Asks the person. */
  prompts: Prompter;
  /** Asks nobody: for connections that nobody waits for. */
  quietPrompts: Prompter;
  listener: (node: ManagedNode) => AgentListener;
  connected: (node: ManagedNode, link: AgentLink) => Promise<void>;
  changed: (node: ManagedNode) => void;
  log: (line: string) => void;
}

/** A connection is tried again within this gap while it was lost recently, then once a minute. */
const shortGapMs = 3000;
const longGapMs = 60_000;
const shortGapsForMs = 10 * 60_000;
/** A link that lasted less has not ended the trouble: an agent that dies at once must not cost a login each moment. */
const soundLinkMs = 10_000;
const probeFreshMs = 5000;
/** An agent that has not answered by then after a sleep may be beyond a link that is no more. */
const answerMs = 1000;

/** One node and its connection: at most one attempt at a time, tried again by itself after a loss. */
export class ManagedNode {
  config: NodeConfig;
  connection: NodeSummary['connection'] = 'idle';
  message: string | undefined;
  next: string | undefined;
  progress: number | undefined;
  probe: Probe | null = null;
  /** Why its queue starts nothing, as last told. */
  hold: QueueHold | null = null;
  link: AgentLink | undefined;
  findings: string[] = [];
  readonly #context: ManagedNodeContext;
  #transport: Transport | undefined;
  #attempt: Promise<AgentLink> | undefined;
  #abort = new AbortController();
  #retry: NodeJS.Timeout | undefined;
  #attempts = 0;
  #lostAt: number | undefined;
  /** The link of which it is being found out whether it outlived a sleep. */
  #examined: AgentLink | undefined;
  #probing: Promise<void> | undefined;
  #probedAt = Number.NEGATIVE_INFINITY;
  /** A lost connection is wanted back: it was there once, or runs are live there. */
  #wanted = false;
  #closed = false;

  constructor(config: NodeConfig, context: ManagedNodeContext) {
    this.config = config;
    this.#context = context;
  }

  /** The open link, else a new one; may ask the person. */
  async use(): Promise<AgentLink> {
    for (;;) {
      if (this.link?.open) return this.link;
      if (!this.#attempt) return this.#connect(this.#context.prompts);
      // Someone else's attempt may be one that asks nobody: its failure says nothing about ours.
      const link = await this.#attempt.catch(() => undefined);
      if (link) return link;
    }
  }

  /** The open link and the connection below it, for commands and files of their own; may ask the person. */
  async useTransport(): Promise<{ link: AgentLink; transport: Transport }> {
    const link = await this.use();
    if (this.#transport && this.link === link) return { link, transport: this.#transport };
    throw new BiphaseError('unreachable', `The connection to ${this.config.name} was lost.`);
  }

  /** Connects in the background, and keeps trying. Asks nobody. */
  want(): void {
    this.#wanted = true;
    if (!this.link?.open && !this.#attempt) this.#connect(this.#context.quietPrompts).catch(() => undefined);
  }

  /** Drops the connection and makes a new one; from then on losses count as recent again. */
  async reconnect(): Promise<void> {
    this.#drop();
    this.#calm();
    await this.use();
  }

  /**
   * This computer has slept: a lost connection is tried at once. A link may be dead without a sign of it: where its agent
   * does not answer, it is replaced by a new one as soon as that stands. Asks nobody.
   */
  wake(): void {
    if (this.connection === 'retrying') {
      this.#calm();
      this.want();
    } else if (this.link?.open && this.#examined !== this.link) {
      this.#examined = this.link;
      this.#replaceDead(this.link)
        .catch((error: unknown) => this.#context.log(`after a sleep: ${toBiphaseError(error).message}`))
        .finally(() => {
          this.#examined = undefined;
        });
    }
  }

  async #replaceDead(link: AgentLink): Promise<void> {
    const { signal } = this.#abort;
    while (this.link === link && !(await answersInTime(link))) {
      const fresh = await this.#reach(this.#context.quietPrompts, signal).catch((thrown: unknown) => {
        const error = toBiphaseError(thrown);
        if (error.kind !== 'unreachable') throw error;
      });
      if (!fresh) continue;
      if (this.link !== link) return fresh.transport.close();
      const old = this.#transport;
      try {
        await this.#establish(fresh, signal);
      } finally {
        link.close();
        old?.close();
      }
    }
  }

  /** What the node has free, at most five seconds old. Who asks meanwhile gets the same answer. */
  async freshProbe(): Promise<Probe | null> {
    const { link } = this;
    if (link?.open && performance.now() - this.#probedAt > probeFreshMs) {
      this.#probing ??= this.#probe(link).finally(() => {
        this.#probing = undefined;
      });
      await this.#probing;
    }
    return this.probe;
  }

  /** Brings the probe up to date; whoever shows it is told when it is. */
  look(): void {
    this.freshProbe().catch((error: unknown) => this.#context.log(`probe: ${toBiphaseError(error).message}`));
  }

  async #probe(link: AgentLink): Promise<void> {
    this.probe = await link.call('probe', {});
    this.#probedAt = performance.now();
    this.#context.changed(this);
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #calm(): void {
    this.#attempts = 0;
    this.#lostAt = undefined;
  }

  #drop(): void {
    clearTimeout(this.#retry);
    this.#abort.abort();
    this.#abort = new AbortController();
    this.link?.close();
    this.link = undefined;
    this.#transport?.close();
    this.#transport = undefined;
    this.#attempt = undefined;
  }

  #connect(prompts: Prompter): Promise<AgentLink> {
    clearTimeout(this.#retry);
    const { signal } = this.#abort;
    const attempt = this.#open(prompts, signal).catch((thrown: unknown) => {
      const error = toBiphaseError(thrown);
      if (this.#attempt === attempt) {
        this.#attempt = undefined;
        this.#failed(error);
      }
      throw error;
    });
    this.#attempt = attempt;
    return attempt;
  }

  async #open(prompts: Prompter, signal: AbortSignal): Promise<AgentLink> {
    const reached = await this.#reach(prompts, signal, (step) => this.#tell(step));
    return this.#establish(reached, signal);
  }

  /** A link to the node's agent, beside the one that there may be. `tell` gets the steps to it. */
  async #reach(
    prompts: Prompter,
    signal: AbortSignal,
    tell?: (step: 'connecting' | 'preparing') => void,
  ): Promise<Reached> {
    const { kind, bundle } = this.#context;
    tell?.('connecting');
    const transport = await kind.connect(this.config, prompts, signal, this.#context.log);
    try {
      tell?.('preparing');
      const prepared = await kind.prepare(transport, {
        config: this.config,
        bundle: bundle(),
        prompts,
        signal,
        onProgress: (fraction) => {
          if (!tell) return;
          this.progress = fraction;
          this.#context.changed(this);
        },
      });
      this.findings = prepared.findings;
      const channel = await transport.exec(prepared.agentArgv, { signal });
      const link = await AgentLink.open(channel, this.#context.listener(this), this.#context.log);
      return { transport, link };
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  /** From now on the node is used through this link. */
  async #establish({ transport, link }: Reached, signal: AbortSignal): Promise<AgentLink> {
    try {
      await this.#context.connected(this, link);
      signal.throwIfAborted();
    } catch (error) {
      transport.close();
      throw error;
    }
    this.#transport = transport;
    this.link = link;
    this.#attempt = undefined;
    // What was free before says nothing.
    this.#probedAt = Number.NEGATIVE_INFINITY;
    this.#wanted = true;
    this.#tell('connected');
    const since = performance.now();
    void Promise.race([link.closed, transport.closed]).then((reason) => {
      if (this.link !== link) return;
      this.link = undefined;
      this.#transport = undefined;
      link.close();
      transport.close();
      if (performance.now() - since > scaledMs(soundLinkMs)) this.#calm();
      this.#failed(reason ?? new BiphaseError('unreachable', 'The connection was closed.'));
    });
    this.look();
    return link;
  }

  #failed(error: BiphaseError): void {
    if (this.#closed) return;
    this.#context.log(`connection: ${error.kind}: ${error.message}`);
    const retries = error.kind === 'unreachable' && this.#wanted;
    this.#tell(stateAfter(error, retries), error);
    if (!retries) return;
    this.#lostAt ??= performance.now();
    const recent = performance.now() - this.#lostAt < scaledMs(shortGapsForMs);
    const gap = recent ? Math.min(250 * 2 ** this.#attempts++, shortGapMs) : longGapMs;
    this.#retry = setTimeout(() => this.want(), scaledMs(gap * (0.5 + Math.random() / 2)));
  }

  #tell(connection: NodeSummary['connection'], error?: BiphaseError): void {
    this.connection = connection;
    this.message = error?.message;
    this.next = error?.next;
    this.progress = undefined;
    this.#context.changed(this);
  }
}

interface Reached {
  transport: Transport;
  link: AgentLink;
}

async function answersInTime(link: AgentLink): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), scaledMs(answerMs));
  });
  const answer = link.call('hello', { protocol: agentProtocolVersion }).then(() => true);
  try {
    return await Promise.race([answer, late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Only a missing answer from the network is worth retrying; a refused login may lock an account. */
function stateAfter(error: BiphaseError, retries: boolean): NodeSummary['connection'] {
  if (retries) return 'retrying';
  if (error.kind === 'unreachable') return 'idle';
  return error.kind === 'refused' ? 'refused' : 'needs-you';
}
