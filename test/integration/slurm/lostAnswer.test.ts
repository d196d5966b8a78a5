import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestRoot } from '../../support/agentProcess.ts';
import { jobsOf, noSlurm, PrivateSlurm } from '../../support/slurm.ts';

describe('a submission that was cut short', { skip: noSlurm }, () => {
  let slurm: PrivateSlurm;
  let root: TestRoot;
  before(async () => {
    slurm = await PrivateSlurm.start();
    root = new TestRoot();
  });
  after(async () => {
    await slurm?.dispose();
    await root?.dispose();
  });

  const bare = { environment: {}, setup: [], slurm: {} };

  /** A PATH on which sbatch tells where it is, and waits there for a file `go`. */
  function slowSbatch(name: string, when: 'before' | 'after'): { PATH: string; told: string; go: string } {
    const folder = path.join(root.path, name);
    fs.mkdirSync(folder);
    const [told, go] = [path.join(folder, 'told'), path.join(folder, 'go')];
    const wait = `: > "${told}"\nwhile [ ! -e "${go}" ]; do sleep 0.05; done\n`;
    const real = 'answer=$(/usr/bin/sbatch "$@") || exit 1\n';
    const body = when === 'before' ? wait + real : real + wait;
    fs.writeFileSync(path.join(folder, 'sbatch'), `#!/bin/sh\n${body}echo "$answer"\n`, { mode: 0o700 });
    for (const program of ['squeue', 'scancel'])
      fs.symlinkSync(`/usr/bin/${program}`, path.join(folder, program));
    return { PATH: `${folder}:${process.env.PATH}`, told, go };
  }

  async function untilThere(file: string): Promise<void> {
    while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  for (const when of ['before', 'after'] as const) {
    test(`an agent is killed ${when} sbatch reached the controller: the repeated launch submits nothing twice`, async () => {
      const { PATH, told, go } = slowSbatch(`slow-${when}`, when);
      const spec = root.spec(3);
      const first = root.agent([], { ...slurm.environment, PATH });
      first.peer.call('launch', { spec, ...bare }).catch(() => {});
      await untilThere(told);
      await first.killHard();

      const second = root.agent([], slurm.environment);
      await second.watch();
      const repeated = second.peer.call('launch', { spec, ...bare });
      // Others that ask at the same time change nothing.
      const third = root.agent([], slurm.environment);
      const again = third.peer.call('launch', { spec, ...bare });
      fs.writeFileSync(go, '');
      assert.deepEqual([await repeated, await again], [{ already: true }, { already: true }]);
      await second.untilState(spec.id, 'finished');
      assert.equal(jobsOf(await slurm.jobs(), spec.id).length, 1);
      await second.hangUp();
      await third.hangUp();
    });
  }

  test('a job whose number was never recorded is found by its name, also by who only looks', async () => {
    const { PATH, told, go } = slowSbatch('slow-watched', 'after');
    await slurm.drain();
    const spec = root.spec(3);
    const first = root.agent([], { ...slurm.environment, PATH });
    first.peer.call('launch', { spec, ...bare }).catch(() => {});
    await untilThere(told);
    await first.killHard();
    fs.writeFileSync(go, '');
    const second = root.agent([], { ...slurm.environment, BIPHASE_CLOCK: '0.1' });
    await second.watch();
    await second.until(
      'a reason',
      () => second.reports.get(spec.id)?.reason?.startsWith('Slurm: waiting') ?? false,
    );
    await second.peer.call('stop', { run: spec.id });
    await second.untilState(spec.id, 'stopped');
    assert.deepEqual(
      jobsOf(await slurm.jobs(), spec.id).map(({ state }) => state),
      ['CANCELLED'],
    );
    await slurm.undrain();
    await second.hangUp();
  });
});
