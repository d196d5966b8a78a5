import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../../src/control/client/controlClient.ts';
import { newRunId } from '../../src/core/newRunId.ts';

const seeds = [0, 1, 2];
const ended = new Set(['finished', 'stopped', 'failed', 'lost', 'preempted']);

interface Launch {
  run: string;
  file: Record<string, unknown>;
}

function runFile(seed: number, rest: Record<string, unknown>): Record<string, unknown> {
  return {
    model: 'micro',
    data: { source: 'world' },
    schedule: { peak: 5e-3, warmup: 50, decay: 100 },
    validate: { every: 50 },
    checkpoints: { every: 250, keep: 1 },
    engine: { threads: 1 },
    seed,
    ...rest,
  };
}

/** The four setups of the paper with three seeds each, on the built-in world. */
function exampleLaunches(): { first: Launch[]; continued: Launch[] } {
  const clm = { objective: 'clm', until: 500 };
  const mlm = { objective: 'mlm', maskRatio: 0.4, until: 500 };
  const launch = (file: Record<string, unknown>): Launch => ({ run: newRunId(), file });
  const trunks = seeds.map((seed) => ({ seed, ...launch(runFile(seed, { phases: [clm] })) }));
  return {
    first: [
      ...trunks,
      ...seeds.map((seed) => launch(runFile(seed, { phases: [mlm] }))),
      ...seeds.map((seed) => launch(runFile(seed, { phases: [{ ...clm, until: 200 }, mlm] }))),
    ],
    continued: trunks.map(({ seed, run }) =>
      launch(
        runFile(seed, {
          from: { checkpoint: `${run}@500` },
          phases: [{ ...mlm, until: 250 }],
          schedule: { peak: 5e-3, warmup: 25, decay: 100 },
        }),
      ),
    ),
  };
}

/** Trains these runs, one a core at a time. Rejects when one does not finish. */
async function train(client: ControlClient, launches: readonly Launch[]): Promise<void> {
  const open = [...launches];
  const one = async (): Promise<void> => {
    for (let next = open.shift(); next; next = open.shift()) {
      await client.call('launch', { node: 'this computer', ...next });
      for (;;) {
        const { runs } = await client.call('runs', {});
        const run = runs.find((each) => each.run === next?.run);
        if (run && ended.has(run.state)) {
          console.log(`${run.name}, seed ${next.file.seed}: ${run.state}`);
          if (run.state !== 'finished') throw new Error(`${run.name} is ${run.state}: ${run.reason}`);
          break;
        }
        await sleep(500);
      }
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, one));
}

/** Whether `kept` has the runs of an earlier time; they are copied below `root`, a node's root. */
export function takeExampleRuns(root: string, kept: string): boolean {
  if (!fs.existsSync(kept)) return false;
  fs.cpSync(kept, path.join(root, 'runs'), { recursive: true });
  return true;
}

/** Trains the runs on this computer, whose root is `root`, and keeps their directories in `kept`. */
export async function makeExampleRuns(client: ControlClient, root: string, kept: string): Promise<void> {
  const { first, continued } = exampleLaunches();
  await train(client, first);
  await train(client, continued);
  fs.mkdirSync(path.dirname(kept), { recursive: true });
  fs.cpSync(path.join(root, 'runs'), `${kept}.part`, { recursive: true });
  fs.renameSync(`${kept}.part`, kept);
}
