import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig } from 'ssh2';
import ssh2 from 'ssh2';
import { scaledMs } from '../../../core/clock.ts';
import { BiphaseError, toBiphaseError } from '../../../core/errors.ts';
import type { Prompter } from '../prompter.ts';
import { Authentication } from './authentication.ts';
import { keepCipherKey } from './cipherKey.ts';
import { ConfigCommands } from './configCommands.ts';
import { Deadline } from './deadline.ts';
import { HostKeyCheck } from './hostKeyCheck.ts';
import { joinWrites } from './joinWrites.ts';
import { ProxySocket } from './proxySocket.ts';
import { defaultSshSources, type SshHop, type SshSources, type SshTarget } from './sshConfig.ts';

/** A login on a host, with the hops before it. */
export interface SshConnection {
  client: Client;
  target: SshTarget;
  /** Settings of any hop that were read and not honoured, one sentence each. */
  notes: string[];
  /** Settles once when the link is gone: with the reason, or undefined after `close()`. */
  closed: Promise<BiphaseError | undefined>;
  close(): void;
}

export interface ConnectOptions {
  /** The node's name, for questions. */
  node: string;
  prompts: Prompter;
  signal: AbortSignal;
  sources?: SshSources;
  /** Gets what commands of the configuration say. */
  log?: (line: string) => void;
}

const maxHops = 8;
const forwardTimeoutMs = 20_000;

/**
 * Logs in on a host as the ssh configuration says, through its jumps or its `ProxyCommand`. Each hop's host key is checked before anything
 * about the user is sent to it.
 * @throws BiphaseError `unreachable` (worth retrying), `refused` (host key), `needs-person` (login), `usage` (configuration).
 */
export async function connectSsh(hop: SshHop, options: ConnectOptions): Promise<SshConnection> {
  const { sources = defaultSshSources(), log = () => undefined } = options;
  const commands = new ConfigCommands({ ...options, sources, log });
  const open: SshConnection[] = [];
  try {
    const way: string[] = [];
    for (const target of await route(hop, commands, 0)) {
      const before = open.at(-1);
      if (!before && target.proxyCommand) way.push(target.proxyCommand.text);
      const socket = before ? await forward(before, target, options.signal) : await ownWay(target, commands);
      try {
        open.push(await login(target, way, socket, options));
        way.push(describe(target));
      } catch (thrown) {
        socket.destroy();
        throw thrown;
      }
    }
  } catch (thrown) {
    for (const each of open.reverse()) each.close();
    throw toBiphaseError(thrown);
  }
  const last = open.at(-1)!;
  return {
    ...last,
    notes: open.flatMap((each) => each.notes),
    closed: last.closed.finally(() => {
      for (const each of open) each.close();
    }),
    close: () => last.close(),
  };
}

/** The hosts to log in on, in order. Only the first jump may have jumps of its own, as in ssh(1). */
async function route(hop: SshHop, commands: ConfigCommands, depth: number): Promise<SshTarget[]> {
  if (depth > maxHops)
    throw new BiphaseError(
      'usage',
      `The ProxyJump settings of "${hop.host}" lead through more than ${maxHops} hosts.`,
    );
  const target = await commands.resolve(hop);
  const before: SshTarget[] = [];
  for (const [index, jump] of target.jumps.entries())
    before.push(...(index === 0 ? await route(jump, commands, depth + 1) : [await commands.resolve(jump)]));
  return [...before, target];
}

/** The way to the first host of a route. */
async function ownWay(target: SshTarget, commands: ConfigCommands): Promise<Duplex> {
  if (target.proxyCommand) return commands.proxy(target.proxyCommand);
  return joinWrites(net.connect(target.port, target.host));
}

function forward(through: SshConnection, to: SshTarget, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void =>
      reject(
        new BiphaseError('unreachable', `${describe(through.target)} cannot reach ${describe(to)}: ${what}.`),
      );
    const timer = setTimeout(() => fail('no answer'), scaledMs(forwardTimeoutMs));
    const abort = (): void => reject(cancelled(to));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void through.closed.then(() => fail('the connection was closed'));
    through.client.forwardOut('127.0.0.1', 0, to.host, to.port, (error, channel) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (error) fail(error.message);
      else if (signal.aborted) channel.destroy();
      else resolve(channel);
    });
  });
}

async function login(
  target: SshTarget,
  way: readonly string[],
  socket: Duplex,
  { node, prompts, signal }: ConnectOptions,
): Promise<SshConnection> {
  const hostKey = new HostKeyCheck(target, node, prompts);
  const authentication = new Authentication(target, way, node, prompts);
  if (signal.aborted) {
    socket.destroy();
    throw cancelled(target);
  }

  const client: Client = new ssh2.Client();
  keepCipherKey(client);
  let asked = false;
  let lastError: Error | undefined;
  const { promise: closed, resolve: settleClosed } = Promise.withResolvers<BiphaseError | undefined>();
  const close = (): void => {
    asked = true;
    client.end();
    // A link that no longer moves does not end by itself, and after `end` the client destroys nothing.
    setTimeout(() => socket.destroy(), scaledMs(2000)).unref();
  };
  client.on('error', (error: Error & { level?: string }) => {
    // A key that could not sign is not the end: the next one follows.
    if (error.level !== 'agent') lastError = error;
  });
  client.on('close', () => {
    socket.destroy();
    settleClosed(asked ? undefined : (hostKey.refusal ?? lost(target, lastError)));
  });

  await new Promise<void>((resolve, reject) => {
    const fail = (error: BiphaseError): void => {
      deadline.stop();
      signal.removeEventListener('abort', onAbort);
      reject(error);
      client.destroy();
    };
    const onAbort = (): void => fail(cancelled(target));
    const limit = target.connectTimeoutSeconds * 1000;
    const deadline = new Deadline(limit, () =>
      fail(
        authentication.unanswered() ??
          authentication.unsigned() ??
          new BiphaseError(
            'unreachable',
            `${describe(target)} did not answer within ${target.connectTimeoutSeconds} s.`,
          ),
      ),
    );
    signal.addEventListener('abort', onAbort);
    client.once('ready', () => {
      deadline.stop();
      authentication.accepted();
      signal.removeEventListener('abort', onAbort);
      client.setNoDelay(true);
      resolve();
    });
    const explain = (): void => fail(reasonOf(target, lastError, hostKey, authentication, socket));
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level !== 'agent') explain();
    });
    client.once('close', explain);

    const preferred = hostKey.preferredAlgorithms();
    const config: ConnectConfig = {
      sock: socket as NonNullable<ConnectConfig['sock']>,
      username: target.user,
      // Own limit, which stands still while a person reads a question.
      readyTimeout: 0,
      keepaliveInterval: scaledMs(target.serverAliveSeconds * 1000),
      keepaliveCountMax: target.serverAliveCount,
      hostVerifier: hostKey.verifier(deadline),
      authHandler: authentication.handler(deadline, fail),
    };
    if (preferred.length > 0)
      config.algorithms = { serverHostKey: { remove: preferred, prepend: preferred, append: [] } };
    client.connect(config);
  });
  return { client, target, notes: target.notes, closed, close };
}

function reasonOf(
  target: SshTarget,
  error: (Error & { level?: string; code?: unknown }) | undefined,
  hostKey: HostKeyCheck,
  authentication: Authentication,
  socket: Duplex | undefined,
): BiphaseError {
  if (hostKey.refusal) return hostKey.refusal;
  if (error?.level === 'client-authentication' || authentication.failure) return authentication.rejected();
  if (error && /too many authentication failures/i.test(error.message))
    return authentication.rejected(error.message);
  const unanswered = authentication.unanswered();
  if (unanswered) return unanswered;
  const where = describe(target);
  const said = (sentence: string): BiphaseError =>
    new BiphaseError('unreachable', sentence, { cause: error });
  if (socket instanceof ProxySocket && socket.problem !== undefined)
    return said(`The ProxyCommand that leads to ${where} ended with ${socket.problem}.`);
  switch (error?.code) {
    case 'ECONNREFUSED':
      return said(`${where} refuses connections: no ssh server listens there.`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return said(`The host name ${target.host} cannot be resolved.`);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return said(`${where} cannot be reached over the network.`);
    case 'ECONNRESET':
      return said(`${where} broke the connection before the login was complete.`);
  }
  if (error && /no matching/i.test(error.message))
    return new BiphaseError(
      'refused',
      `${where} and Biphase have no algorithm in common (${error.message}).`,
      {
        cause: error,
      },
    );
  return said(
    error
      ? `The connection to ${where} failed: ${error.message}.`
      : `${where} closed the connection before the login was complete.`,
  );
}

function lost(target: SshTarget, error: Error | undefined): BiphaseError {
  const where = describe(target);
  if (error?.message === 'Keepalive timeout')
    return new BiphaseError('unreachable', `${where} no longer answers.`, { cause: error });
  return new BiphaseError('unreachable', `The connection to ${where} was lost.`, { cause: error });
}

function cancelled(target: SshTarget): BiphaseError {
  return new BiphaseError('cancelled', `Connecting to ${describe(target)} was cancelled.`);
}

function describe(target: SshTarget): string {
  return `${target.host}:${target.port}`;
}
