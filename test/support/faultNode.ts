import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseSession, thisMachine } from '../../src/agent/processTable.ts';
import { newRunId } from '../../src/core/newRunId.ts';
import type { NodeConfig } from '../../src/protocol/controlApi.ts';
import {
  type EventLine,
  type MetricLine,
  runFiles,
  type WrapperState,
} from '../../src/protocol/runDirectory.ts';
import { canChangeBootId } from './bootId.ts';
import type { Decoy } from './decoy.ts';
import { type FaultProxy, startFaultProxy } from './faultProxy.ts';
import { makePrivateHome, type PrivateHome, processesOf, removePrivateHome } from './privateHome.ts';
import { knownHostsLine, makeKey, type Sshd, startSshd } from './sshd.ts';

/** How long control waits for a link that is silent, as its ssh configuration says here. */
export const keepalive = { seconds: 1, times: 3 };

/** Without the right to change what a node's processes see, runs are rewritten as if an earlier boot had made them. */
export const bootIdChanges = canChangeBootId();
const anotherBoot = '00000000-0000-0000-0000-000000000000';

/** Segment and step of a point, to be compared. */
export interface Point {
  segment: number;
  step: number;
}

export function isAfter(a: Point, b: Point): boolean {
  return a.segment > b.segment || (a.segment === b.segment && a.step > b.step);
}

/** A node behind a real sshd whose link, server and processes can fail; its files as this machine sees them. */
export class FaultNode {
  readonly name: string;
  readonly root: string;
  readonly proxy: FaultProxy;
  readonly #place: PrivateHome;
  readonly #key: string;
  #sshd: Sshd;
  #beacon: string | undefined;
  #beats = 0;
  #bootIdFile: string | undefined;

  private constructor(name: string, place: PrivateHome, key: string, sshd: Sshd, proxy: FaultProxy) {
    this.name = name;
    this.root = path.join(place.folder, 'root');
    this.proxy = proxy;
    this.#place = place;
    this.#key = key;
    this.#sshd = sshd;
  }

  /** Starts it and writes what the person needs for it into ~/.ssh. */
  static async start(person: PrivateHome, name: string): Promise<FaultNode> {
    const place = makePrivateHome();
    const ssh = path.join(person.home, '.ssh');
    fs.mkdirSync(ssh, { recursive: true, mode: 0o700 });
    const key = makeKey(path.join(ssh, `key-${name}`));
    const sshd = await startSshd(serverOptions(place, key));
    const proxy = await startFaultProxy(sshd.port);
    fs.appendFileSync(path.join(ssh, 'known_hosts'), knownHostsLine(sshd, `[${proxy.host}]:${proxy.port}`));
    const lines = [
      `Host ${name}`,
      `HostName ${proxy.host}`,
      `Port ${proxy.port}`,
      `User ${os.userInfo().username}`,
      `IdentityFile ${key}`,
      'IdentitiesOnly yes',
      `ServerAliveInterval ${keepalive.seconds}`,
      `ServerAliveCountMax ${keepalive.times}`,
    ];
    fs.appendFileSync(path.join(ssh, 'config'), `${lines.join('\n')}\n`);
    return new FaultNode(name, place, key, sshd, proxy);
  }

  get config(): NodeConfig {
    // Runs leave the processors to what is measured.
    const setup = ['renice -n 15 -p $$ >/dev/null 2>&1'];
    return {
      name: this.name,
      kind: 'ssh',
      host: this.name,
      root: this.root,
      nodePath: process.execPath,
      setup,
    };
  }

  async killSshd(): Promise<void> {
    this.#sshd.killSessions();
    const exit = once(this.#sshd.process, 'exit');
    this.#sshd.process.kill('SIGKILL');
    await exit;
  }

  async startSshd(): Promise<void> {
    const { port } = this.#sshd;
    const bootIdFile = this.#bootIdFile;
    this.#sshd = await startSshd({
      ...serverOptions(this.#place, this.#key),
      port,
      ...(bootIdFile ? { bootIdFile } : {}),
    });
  }

  /** What starts on the node from now on sees another boot id; the beacon, which is no part of the node, with it. */
  changeBootId(): void {
    if (!bootIdChanges) return;
    const bootId = randomUUID();
    this.#bootIdFile = path.join(this.#place.folder, `boot-${bootId}`);
    fs.writeFileSync(this.#bootIdFile, `${bootId}\n`);
    const beacon = this.#beacon!;
    writeJson(path.join(this.directory(beacon), runFiles.state), { ...this.state(beacon), bootId });
  }

  /** Kills what was started over the connection, and not the connection. */
  killCommands(): void {
    this.#sshd.killCommands();
  }

  agents(): number[] {
    return this.#pids((command) => command.includes(` agent --root ${this.root}`));
  }

  /** Trainers of a run that live; each leads a session of its own, so that what it starts is not counted. */
  trainers(run: string): number[] {
    const words = `--wrapped --run-dir ${this.directory(run)}`;
    return this.#pids((command) => command.includes(words)).filter(leadsSession);
  }

  /** Every process of the node but its server. */
  processes(): number[] {
    return this.#pids(() => true);
  }

  #pids(matches: (command: string) => boolean): number[] {
    return processesOf(this.#place)
      .filter(({ command }) => matches(command))
      .map(({ pid }) => pid);
  }

  directory(run: string): string {
    return path.join(this.root, 'runs', run);
  }

  runs(): string[] {
    return fs.readdirSync(path.join(this.root, 'runs')).filter((name) => !name.startsWith('.'));
  }

  /** What the wrapper wrote; undefined before it did. */
  state(run: string): WrapperState | undefined {
    const file = path.join(this.directory(run), runFiles.state);
    return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as WrapperState) : undefined;
  }

  /** Loss of each (segment, step) of whole lines; throws where one is there twice. */
  losses(run: string): Map<string, number> {
    const losses = new Map<string, number>();
    for (const { segment, step, metrics } of this.#lines<MetricLine>(run, runFiles.metrics)) {
      const key = `${segment}/${step}`;
      if (metrics.loss === undefined) continue;
      if (losses.has(key)) throw new Error(`${run} wrote ${key} twice.`);
      losses.set(key, Number(metrics.loss));
    }
    return losses;
  }

  /** The newest point of a run. */
  newest(run: string): Point {
    return this.#lines<MetricLine>(run, runFiles.metrics).at(-1) ?? { segment: -1, step: 0 };
  }

  /** Segments whose trainer began, one entry a beginning. */
  beginnings(run: string): number[] {
    return this.#lines<EventLine>(run, runFiles.events)
      .filter(({ type }) => type === 'start' || type === 'resume')
      .map(({ segment }) => segment);
  }

  /**
   * Writes a decoy's process number into the state and locks of a run whose processes are gone: of an earlier boot with
   * the decoy's own start time, else with another one and without the record of how it ended.
   */
  giveNumbersTo(run: string, decoy: Decoy, { restarted }: { restarted: boolean }): void {
    const directory = this.directory(run);
    const state = this.state(run)!;
    const { pid, startTime } = decoy.identity;
    const identity = { pid, startTime: restarted ? startTime : String(Number(startTime) - 1) };
    const bootId = restarted && !bootIdChanges ? anotherBoot : state.bootId;
    writeJson(path.join(directory, runFiles.state), {
      ...state,
      wrapper: identity,
      trainer: identity,
      bootId,
    });
    const locks = path.join(directory, runFiles.locks);
    for (const name of fs.readdirSync(locks).filter((each) => each.endsWith('.json'))) {
      const file = path.join(locks, name);
      writeJson(file, { ...JSON.parse(fs.readFileSync(file, 'utf8')), ...identity, bootId });
    }
    if (!restarted) fs.rmSync(path.join(directory, runFiles.exit));
  }

  /** A run that this machine plays: its trainer is `decoy`, and its points come from `beat`. */
  addBeacon(decoy: Decoy): string {
    const run = newRunId();
    const runs = path.join(this.root, 'runs');
    const folder = path.join(runs, `.${run}`);
    fs.mkdirSync(folder, { recursive: true });
    const { identity } = decoy;
    const { host, bootId } = thisMachine;
    const now = Date.now() / 1000;
    const spec = { id: run, name: 'beacon', kind: 'pretrain', createdAt: now, bundle: 'none', file: {} };
    const state = { segment: 0, host, bootId, wrapper: identity, trainer: identity, bundle: 'none' };
    const progress = { segment: 0, step: 0, totalSteps: 1, phase: 0, tokens: 0, tokensPerSecond: 0 };
    writeJson(path.join(folder, runFiles.spec), { schema: 1, ...spec });
    writeJson(path.join(folder, runFiles.state), { schema: 1, ...state, startedAt: now });
    writeJson(path.join(folder, runFiles.progress), {
      ...{ schema: 1, ...progress, loss: null, secondsLeft: null, doing: 'training', time: now },
    });
    fs.renameSync(folder, path.join(runs, run));
    this.#beacon = run;
    return run;
  }

  /** Writes the beacon's next point. */
  beat(): { run: string; point: Point } {
    const run = this.#beacon!;
    const point = { segment: 0, step: ++this.#beats };
    const line = { ...point, tokens: 0, time: Date.now() / 1000, elapsed: 0, metrics: { loss: 1 } };
    fs.appendFileSync(path.join(this.directory(run), runFiles.metrics), `${JSON.stringify(line)}\n`);
    return { run, point };
  }

  async dispose(): Promise<void> {
    await this.proxy.close();
    await this.#sshd.stop();
    await removePrivateHome(this.#place);
  }

  #lines<T>(run: string, name: string): T[] {
    const file = path.join(this.directory(run), name);
    if (!fs.existsSync(file)) return [];
    const text = fs.readFileSync(file, 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  }
}

function serverOptions(place: PrivateHome, key: string) {
  return {
    folder: path.join(place.folder, 'sshd'),
    authorized: [`${key}.pub`],
    environment: place.environment,
  };
}

function leadsSession(pid: number): boolean {
  try {
    return parseSession(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')) === pid;
  } catch {
    return false;
  }
}

function writeJson(file: string, value: unknown): void {
  fs.writeFileSync(`${file}.new`, JSON.stringify(value));
  fs.renameSync(`${file}.new`, file);
}
