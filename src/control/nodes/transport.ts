import type { Readable, Writable } from 'node:stream';
import type { BiphaseError } from '../../core/errors.ts';
import type { NodeConfig } from '../../protocol/controlApi.ts';
import type { Bundle } from './bundle.ts';
import type { Prompter } from './prompter.ts';

/** How a command on a node ended. A link that died leaves the outcome unknown: that is not success. */
export type ExecExit =
  | { known: true; code: number | null; signal: string | null }
  | { known: false; reason: BiphaseError };

/** A command that runs on a node. Both outputs must be read (or resumed), or the command stalls. */
export interface ExecChannel {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. */
  readonly exit: Promise<ExecExit>;
  /** Ends the channel and, where the node allows it, the command. */
  close(): void;
}

/** Fraction 0…1 of an upload or download. */
export type OnProgress = (fraction: number) => void;

/** One connection to a node. Every failure is a BiphaseError; `unreachable` is the only kind worth retrying by itself. */
export interface Transport {
  /** For log lines and sentences: `this computer`, `user@host:22`. */
  readonly description: string;
  /** Settings of the connection that were read and not honoured, one sentence each. */
  readonly notes?: readonly string[];
  /** Starts a command. `argv` reaches the program as it is: a transport that has only a command line quotes it. */
  exec(argv: readonly string[], options?: { signal?: AbortSignal }): Promise<ExecChannel>;
  /** Copies a file to `remotePath` through `remotePath.part` and a rename; the folder must exist. */
  upload(localFile: string, remotePath: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<void>;
  /** Copies a file from the node through `localFile.part` and a rename. */
  download(
    remotePath: string,
    localFile: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Settles once when the connection is gone: with the reason, or undefined after `close()`. */
  readonly closed: Promise<BiphaseError | undefined>;
  close(): void;
}

export interface TransportFactory {
  /** Opens a connection: host key first, then credentials. Asks through `prompts` only; `log` gets what helps on the way say. */
  connect(
    config: NodeConfig,
    prompts: Prompter,
    signal: AbortSignal,
    log: (line: string) => void,
  ): Promise<Transport>;
}

/** A node on which the agent can be started. */
export interface PreparedNode {
  /** Starts the attached agent: node, bundle file, `agent` and its options. */
  agentArgv: string[];
  /** Hash of the bundle for this node's platform. */
  bundle: string;
  /** What was found or done, one sentence each, for "Test Node". */
  findings: string[];
}

export interface PrepareContext {
  config: NodeConfig;
  bundle: Bundle;
  prompts: Prompter;
  onProgress: OnProgress;
  signal: AbortSignal;
}

/** Everything that differs between kinds of nodes. One object a kind, listed in nodeKinds.ts. */
export interface NodeKind extends TransportFactory {
  /** Makes root, bundle and Node ready on the node; copies only what is missing. */
  prepare(transport: Transport, context: PrepareContext): Promise<PreparedNode>;
}
