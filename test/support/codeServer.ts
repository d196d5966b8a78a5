import { spawn } from 'node:child_process';
import fs from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import ssh2 from 'ssh2';
import { makeKey } from './sshd.ts';

export interface CodeServerOptions {
  /** Private folder for its host key. */
  folder: string;
  /** What it takes as the one-time code or, where `methods` names it, password; undefined: nothing will do. */
  code?: string;
  /** What it says when it asks for the code. */
  question?: { title: string; instructions: string; prompt: string };
  /** Public key file: a login by this key comes before the code. */
  keyFirst?: string;
  /** Methods it names to whoever asks; default keyboard-interactive. */
  methods?: string[];
  /** A wrong password is not answered; the link is closed. */
  closesOnWrong?: boolean;
  environment?: Record<string, string>;
}

/** ssh2's own server, for logins that a real sshd allows only with PAM and root rights. */
export interface CodeServer {
  readonly port: number;
  /** Public host key file. */
  readonly hostKey: string;
  /** Every request that reached user authentication, by method, in order; empty: nobody said who they are. */
  readonly authentications: string[];
  /** Every code and password that came. */
  readonly answers: string[];
  /** Requests for a forwarded agent. */
  readonly agentRequests: number;
  readonly sessions: number;
  close(): Promise<void>;
}

/** Starts a server that asks for a one-time code and runs commands with sh. */
export async function startCodeServer(options: CodeServerOptions): Promise<CodeServer> {
  const { folder, code, keyFirst, environment = {} } = options;
  const { title, instructions, prompt } = options.question ?? {
    title: '',
    instructions: '',
    prompt: 'One-time code: ',
  };
  const methods = options.methods ?? [keyFirst ? 'publickey' : 'keyboard-interactive'];
  const firstKey = keyFirst && Buffer.from(fs.readFileSync(keyFirst, 'utf8').split(' ')[1]!, 'base64');
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = makeKey(path.join(folder, 'host_code'));
  const authentications: string[] = [];
  const given: string[] = [];
  const links = new Set<ssh2.Connection>();
  let agentRequests = 0;
  let sessions = 0;
  const server = new ssh2.Server({ hostKeys: [fs.readFileSync(key)] }, (link) => {
    links.add(link);
    link.on('close', () => links.delete(link));
    link.on('error', () => {});
    let left = methods as ssh2.AuthenticationType[];
    link.on('authentication', (context) => {
      authentications.push(context.method);
      if (context.method === 'publickey' && firstKey && context.key.data.equals(firstKey)) {
        // Asked first without a signature: whether this key would do.
        if (!context.signature) return context.accept();
        left = ['keyboard-interactive'];
        return context.reject(left, true);
      }
      if (context.method === 'password' && methods.includes('password')) {
        given.push(context.password);
        if (options.closesOnWrong && context.password !== code) return void link.end();
        return context.password === code ? context.accept() : context.reject(left);
      }
      if (context.method !== 'keyboard-interactive' || code === undefined) return context.reject(left);
      context.prompt([{ prompt, echo: false }], title, instructions, (answers) => {
        given.push(...answers);
        if (answers[0] === code) context.accept();
        else context.reject(left);
      });
    });
    link.on('session', (accept) => {
      sessions++;
      const session = accept();
      session.on('auth-agent', (allow) => {
        agentRequests++;
        allow?.();
      });
      session.on('exec', (allow, _refuse, { command }) => {
        const channel = allow();
        const child = spawn('/bin/sh', ['-c', command], { env: environment });
        child.stdin.on('error', () => {});
        channel.on('error', () => {});
        channel.pipe(child.stdin);
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        channel.on('close', () => child.kill());
        child.on('close', (status, signal) => {
          if (status === null) channel.exit(signal ?? 'KILL');
          else channel.exit(status);
          channel.end();
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    hostKey: `${key}.pub`,
    authentications,
    answers: given,
    get agentRequests() {
      return agentRequests;
    },
    get sessions() {
      return sessions;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of links) link.end();
      }),
  };
}
