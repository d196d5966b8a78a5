import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';
import { makePrivateHome, type PrivateHome, removePrivateHome } from '../../support/privateHome.ts';
import { noSlurm, PrivateSlurm } from '../../support/slurm.ts';

const program = path.resolve(import.meta.dirname, '../../../dist/biphase.mjs');
const run = promisify(execFile);

const runFile = `model: { hiddenSize: 16, layers: 1, heads: 2, intermediateSize: 32 }
data: { source: world, packing: { length: 32 }, tokenizer: { train: { vocabSize: 300 } }, validation: { tokens: 1000 } }
batch: { samples: 4 }
phases: [{ objective: clm, until: 5 }]
`;

describe('a node with Slurm from the command line', { skip: noSlurm }, () => {
  let slurm: PrivateSlurm;
  let person: PrivateHome;
  before(async () => {
    slurm = await PrivateSlurm.start();
    person = makePrivateHome(slurm.environment);
  });
  after(async () => {
    if (person) await removePrivateHome(person);
    await slurm?.dispose();
  });

  async function biphase(...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [program, ...args], { env: person.environment });
    return stdout;
  }

  test('options are checked, a run waits in the queue, runs and finishes', async () => {
    await assert.rejects(
      biphase('nodes', 'add', 'local', '--time', '4h'),
      /Option --time is not a time limit of Slurm/,
    );
    await biphase('nodes', 'add', 'local', '--partition', 'main', '--time', '10', '--cpus', '1');
    const { nodes } = JSON.parse(await biphase('nodes', 'list', '--json'));
    assert.deepEqual(nodes[0].config.slurm, { partition: 'main', time: '10', cpus: 1 });
    await slurm.drain();
    const file = path.join(person.folder, 'a.run.yaml');
    fs.writeFileSync(file, runFile);
    await biphase('launch', file, '--node', 'local');
    const runs = async (): Promise<RunSummary[]> => JSON.parse(await biphase('runs', '--json')).runs;
    const until = async (state: RunSummary['state']): Promise<RunSummary> => {
      for (let look = 0; look < 120; look++, await sleep(250)) {
        const [first] = await runs();
        if (first?.state === state && first.reason !== 'Slurm is being asked for its job.') return first;
      }
      throw new Error(`No run is ${state}: ${JSON.stringify(await runs())}`);
    };
    assert.match((await until('queued')).reason ?? '', /^Slurm: waiting for /);
    await slurm.undrain();
    await until('finished');
    assert.equal((await slurm.jobs()).length, 1);
  });
});
