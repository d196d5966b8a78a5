import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { type ProcessIdentity, thisMachine } from '../../src/agent/processTable.ts';

/** Writes down every signal that can be caught, and goes on. Parameters: the file. */
const script = `
for s in HUP INT QUIT USR1 USR2 PIPE ALRM TERM CONT TSTP TTIN TTOU; do trap "echo $s >> '$1'" $s; done
echo ready
while :; do sleep 600 & wait $!; done
`;

/** A process, leader of its group, that has nothing to do with any run and notes the signals that it gets. */
export class Decoy {
  readonly identity: ProcessIdentity;
  readonly #child: ChildProcess;
  readonly #file: string;

  private constructor(child: ChildProcess, file: string) {
    this.#child = child;
    this.#file = file;
    this.identity = { pid: child.pid!, startTime: thisMachine.startTime(child.pid!)! };
  }

  static async start(folder: string, name: string): Promise<Decoy> {
    const file = path.join(folder, `${name}.signals`);
    const child = spawn('/bin/sh', ['-c', script, 'sh', file], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
    return new Decoy(child, file);
  }

  /** Signals that it caught, and KILL where it is dead. */
  signals(): string[] {
    const caught = fs.existsSync(this.#file) ? fs.readFileSync(this.#file, 'utf8').trim().split('\n') : [];
    const alive = this.#child.exitCode === null && this.#child.signalCode === null;
    return alive ? caught : [...caught, 'KILL'];
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    process.kill(-this.identity.pid, 'SIGKILL');
    await exit;
  }
}
