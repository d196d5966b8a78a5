import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './sshd.ts';

const programs = ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/sbin/munged', '/usr/bin/sbatch'];

/** Reason to skip where Slurm is not installed; false where it is. */
export const noSlurm: string | false = programs.every((file) => fs.existsSync(file))
  ? false
  : 'slurm-wlm and munge are not installed';

/** A job as squeue shows it. */
export interface SeenJob {
  id: string;
  state: string;
  reason: string;
  name: string;
}

/** Jobs of a run, whose names hold its id. */
export function jobsOf(jobs: readonly SeenJob[], run: string): SeenJob[] {
  return jobs.filter(({ name }) => name.includes(run));
}

const run = promisify(execFile);

/** A real Slurm of one node with two GPUs that are none, on loopback, with nothing of it outside its folder; `dispose` ends all of it. */
export class PrivateSlurm {
  readonly folder: string;
  readonly #children: ChildProcess[] = [];
  #controller: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start({ cpus = 8 }: { cpus?: number } = {}): Promise<PrivateSlurm> {
    const slurm = new PrivateSlurm(fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-slurm-')));
    try {
      await slurm.#start(cpus);
    } catch (thrown) {
      await slurm.dispose();
      throw thrown;
    }
    return slurm;
  }

  /** Environment of a program that shall find it. */
  get environment(): { SLURM_CONF: string } {
    return { SLURM_CONF: this.#at('slurm.conf') };
  }

  async command(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await run(program, args, { env: { ...process.env, ...this.environment } });
    return stdout;
  }

  /** All jobs, also those that have ended, elements of arrays one by one. */
  async jobs(): Promise<SeenJob[]> {
    const text = await this.command('squeue', '-h', '-r', '-t', 'all', '-o', '%i|%T|%r|%j');
    return text.split('\n').flatMap((line) => {
      const [id, state, reason, name] = line.split('|');
      return id && state && name ? [{ id, state, reason: reason ?? '', name }] : [];
    });
  }

  async untilJob(
    what: string,
    condition: (jobs: SeenJob[]) => boolean,
    patienceMs = 60_000,
  ): Promise<SeenJob[]> {
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(100)) {
      const jobs = await this.jobs();
      if (condition(jobs)) return jobs;
    }
    throw new Error(`Waited in vain: ${what}. Jobs: ${JSON.stringify(await this.jobs())}`);
  }

  /** Jobs wait while the node takes none. */
  async drain(): Promise<void> {
    await this.command('scontrol', 'update', 'nodename=n1', 'state=drain', 'reason=test');
  }

  async undrain(): Promise<void> {
    await this.command('scontrol', 'update', 'nodename=n1', 'state=resume');
  }

  async stopController(): Promise<void> {
    await end(this.#controller);
  }

  async startController(): Promise<void> {
    this.#controller = this.#spawn('/usr/sbin/slurmctld', '-D');
    await this.#ready();
  }

  async dispose(): Promise<void> {
    if (this.#controller?.exitCode === null)
      await this.command('scancel', '--signal=KILL', '--full', `--user=${os.userInfo().username}`).catch(
        () => {},
      );
    for (const child of this.#children.reverse()) await end(child);
    // Each job has a process of Slurm's own, which waits for the controller.
    for (const pid of this.#left()) process.kill(pid, 'SIGKILL');
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #at(name: string): string {
    return path.join(this.folder, name);
  }

  async #start(cpus: number): Promise<void> {
    for (const name of ['state', 'spool', 'munge']) fs.mkdirSync(this.#at(name), { mode: 0o755 });
    fs.chmodSync(this.folder, 0o755);
    fs.writeFileSync(this.#at('munge/key'), randomBytes(1024), { mode: 0o600 });
    const socket = this.#at('munge/sock');
    this.#spawn(
      '/usr/sbin/munged',
      '--foreground',
      `--key-file=${this.#at('munge/key')}`,
      `--socket=${socket}`,
      `--pid-file=${this.#at('munge/pid')}`,
      `--log-file=${this.#at('munge/log')}`,
      `--seed-file=${this.#at('munge/seed')}`,
      '--num-threads=2',
    );
    const ports = { controller: await freePort(), node: await freePort() };
    fs.writeFileSync(this.#at('slurm.conf'), this.#configuration(cpus, ports));
    fs.writeFileSync(
      this.#at('cgroup.conf'),
      'ConstrainDevices=no\nConstrainCores=no\nConstrainRAMSpace=no\n',
    );
    // Devices that are none: with ordinary files jobs run and CUDA_VISIBLE_DEVICES stays empty.
    for (const index of [0, 1]) fs.symlinkSync('/dev/null', this.#at(`nvidia${index}`));
    fs.writeFileSync(
      this.#at('gres.conf'),
      `NodeName=n1 Name=gpu Type=fake File=${this.#at('nvidia[0-1]')}\n`,
    );
    for (let tries = 0; !fs.existsSync(socket); tries++) {
      if (tries > 500) throw new Error('munged did not start.');
      await sleep(20);
    }
    this.#controller = this.#spawn('/usr/sbin/slurmctld', '-D', '-i');
    this.#spawn('/usr/sbin/slurmd', '-D', '-N', 'n1');
    await this.#ready();
  }

  #configuration(cpus: number, { controller, node }: { controller: number; node: number }): string {
    const user = os.userInfo().username;
    const host = os.hostname().split('.')[0];
    return `ClusterName=biphase-test
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${controller}
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${this.#at('munge/sock')}
CredType=cred/munge
StateSaveLocation=${this.#at('state')}
SlurmdSpoolDir=${this.#at('spool')}
SlurmctldPidFile=${this.#at('slurmctld.pid')}
SlurmdPidFile=${this.#at('slurmd.pid')}
SlurmctldLogFile=${this.#at('slurmctld.log')}
SlurmdLogFile=${this.#at('slurmd.log')}
MpiDefault=none
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=2,batch_sched_delay=0,requeue_delay=1
SlurmdParameters=config_overrides
GresTypes=gpu
PropagateResourceLimits=NONE
ReturnToService=2
KillWait=5
MinJobAge=600
SlurmctldTimeout=30
SlurmdTimeout=30
NodeName=n1 NodeHostname=${host} NodeAddr=127.0.0.1 Port=${node} CPUs=${cpus} RealMemory=16000 Gres=gpu:fake:2 State=UNKNOWN
PartitionName=main Nodes=n1 Default=YES MaxTime=INFINITE DefMemPerCPU=100 State=UP
`;
  }

  /** Processes that were started with this Slurm's configuration. */
  #left(): number[] {
    const mark = `SLURM_CONF=${this.environment.SLURM_CONF}`;
    const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => {
      if (pid === process.pid) return false;
      try {
        return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
      } catch {
        return false;
      }
    });
  }

  async #ready(): Promise<void> {
    for (const deadline = performance.now() + 30_000; performance.now() < deadline; await sleep(50)) {
      const nodes = await this.command('sinfo', '-h', '-N', '-o', '%T').catch(() => '');
      if (/^(idle|mixed|allocated|draining|drained)/.test(nodes)) return;
    }
    throw new Error(`Slurm did not start: ${fs.readFileSync(this.#at('slurmctld.log'), 'utf8')}`);
  }

  #spawn(program: string, ...args: string[]): ChildProcess {
    const child = spawn(program, args, { env: { ...process.env, ...this.environment }, stdio: 'ignore' });
    this.#children.push(child);
    return child;
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exit;
  clearTimeout(late);
}
