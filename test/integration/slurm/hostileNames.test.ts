import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BiphaseError } from '../../../src/core/errors.ts';
import { TestRoot } from '../../support/agentProcess.ts';
import { noSlurm, PrivateSlurm } from '../../support/slurm.ts';

describe('hostile names and secrets with Slurm', { skip: noSlurm }, () => {
  let slurm: PrivateSlurm;
  let root: TestRoot;
  before(async () => {
    slurm = await PrivateSlurm.start();
  });
  after(async () => {
    await slurm?.dispose();
  });

  test('names that a shell or Slurm could take for something else stay names; no value of the environment is stored', async (context) => {
    const canary = path.join(slurm.folder, 'canary');
    root = new TestRoot(`a %j %% "b" 'c' $(touch ${canary.replaceAll('/', '\u2215')}) ;touch d; \`id\` *`);
    context.after(() => root.dispose());
    const agent = root.agent([], { ...slurm.environment, BIPHASE_CLOCK: '0.1' });
    await agent.watch();
    const secret = 'a "b" $HOME `id` \\ \u00e4 not-to-be-stored';
    const spec = { ...root.spec(3), name: `x" $(touch ${canary}) ; touch ${canary} #SBATCH --hold` };
    await agent.peer.call('launch', {
      spec,
      environment: { BIPHASE_TEST_VALUE: secret, SLURM_JOB_NAME: 'other', SBATCH_WAIT: '1' },
      setup: ['[ "$BIPHASE_TEST_VALUE" ] && echo "setup saw ${#BIPHASE_TEST_VALUE}"'],
      slurm: { cpus: 1, memory: '500M', time: '10' },
    });
    await agent.untilState(spec.id, 'finished');
    assert.ok(root.file(spec.id, 'output.log').toString().includes('setup saw '));
    assert.equal(fs.existsSync(canary), false);
    assert.equal(fs.existsSync('d'), false);
    for (const entry of fs.readdirSync(root.path, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.parentPath.includes('bundles') || entry.parentPath.includes('cache'))
        continue;
      const text = fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8');
      assert.ok(!text.includes('not-to-be-stored'), entry.name);
    }
  });

  test('a value that is no name never reaches sbatch', async (context) => {
    root = new TestRoot();
    context.after(() => root.dispose());
    const agent = root.agent([], slurm.environment);
    for (const slurmOptions of [
      { partition: '--wrap=id' },
      { partition: 'a\n#SBATCH --hold' },
      { account: '$(id)' },
      { gres: 'gpu 1' },
      { time: '1;id' },
      { memory: '-1' },
    ])
      await assert.rejects(
        agent.peer.call('launch', { spec: root.spec(3), environment: {}, setup: [], slurm: slurmOptions }),
        (error: BiphaseError) =>
          error.kind === 'usage' || error.kind === 'internal' || error.kind === 'damaged',
      );
    assert.deepEqual(
      await slurm.jobs().then((jobs) => jobs.filter(({ state }) => state !== 'COMPLETED')),
      [],
    );
  });
});
