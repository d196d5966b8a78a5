import type { SlurmRecord } from '../../src/protocol/slurm.ts';
import { type AgentProcess, TestRoot } from './agentProcess.ts';
import { PrivateSlurm } from './slurm.ts';

/** A root whose runs are jobs of a Slurm of its own; `dispose` ends all of it. */
export class SlurmNode {
  readonly slurm: PrivateSlurm;
  readonly root = new TestRoot();

  private constructor(slurm: PrivateSlurm) {
    this.slurm = slurm;
  }

  static async start(): Promise<SlurmNode> {
    return new SlurmNode(await PrivateSlurm.start());
  }

  /** An agent that reports runs already, and looks at jobs ten times as often as others. */
  async attach(): Promise<AgentProcess> {
    const agent = this.root.agent([], { ...this.slurm.environment, BIPHASE_CLOCK: '0.1' });
    await agent.watch();
    return agent;
  }

  /** What the run's directory says of its job. */
  record(run: string): SlurmRecord {
    return JSON.parse(this.root.file(run, 'slurm.json').toString()) as SlurmRecord;
  }

  async dispose(): Promise<void> {
    await this.slurm.dispose();
    await this.root.dispose();
  }
}
