import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ControlConnection } from '../../../src/control/client/controlConnection.ts';
import { newRunId } from '../../../src/core/newRunId.ts';
import { openWindow } from '../../support/controlWindow.ts';
import { batchRuns } from '../../support/counts.ts';
import {
  makePrivateHome,
  type PrivateHome,
  processesOf,
  removePrivateHome,
} from '../../support/privateHome.ts';
import { noSlurm, PrivateSlurm } from '../../support/slurm.ts';
import { smallRun } from '../../support/smallRun.ts';
import { until } from '../../support/until.ts';

describe('a batch on a node with Slurm', { skip: noSlurm }, () => {
  let slurm: PrivateSlurm;
  let person: PrivateHome;
  let window: ControlConnection;
  before(async () => {
    slurm = await PrivateSlurm.start({ cpus: 2 });
    person = makePrivateHome(slurm.environment);
    window = await openWindow(person);
  });
  after(async () => {
    window?.dispose();
    if (person) await removePrivateHome(person);
    await slurm?.dispose();
  });

  function inRun(run: string, file: string): string {
    const place = path.join(person.home, '.biphase/runs', run, file);
    return fs.existsSync(place) ? fs.readFileSync(place, 'utf8') : '';
  }

  test('it is one array, goes on while nobody is there, and each run ran exactly once', async () => {
    const node = 'this computer';
    await window.call('addNode', {
      config: {
        name: node,
        kind: 'local',
        slurm: { cpus: 1 },
        setup: ['echo "gpu: <$CUDA_VISIBLE_DEVICES>"'],
      },
    });
    const runs = Array.from({ length: batchRuns }, () => ({ run: newRunId(), file: smallRun(3) }));
    assert.deepEqual(await window.call('launchBatch', { runs, nodes: [node] }), { failed: [] });
    assert.deepEqual(await window.call('launchBatch', { runs, nodes: [node] }), { failed: [] }, 'sent twice');
    const ended = (run: string): boolean => inRun(run, 'exit.json') !== '';
    await until('a first end', () => runs.some(({ run }) => ended(run)));
    window.dispose();
    for (const { pid, command } of processesOf(person))
      if (command.includes('control.mjs')) process.kill(pid, 'SIGKILL');
    const left = runs.filter(({ run }) => !ended(run)).length;
    assert.ok(left > 0, 'it was in the middle');
    await until('every end', () => runs.every(({ run }) => ended(run)), 1_200_000);
    for (const { run } of runs) {
      assert.equal((JSON.parse(inRun(run, 'exit.json')) as { code: number }).code, 0);
      assert.equal(inRun(run, 'events.jsonl').split('"type":"start"').length, 2, `${run} began once`);
    }
    const jobs = await slurm.jobs();
    assert.equal(jobs.length, runs.length);
    assert.equal(new Set(jobs.map(({ id }) => id.split('_')[0])).size, 1, 'one array');
    window = await openWindow(person);
    await window.call('reconnectNode', { name: node });
    await until('all to be known', async () => {
      const known = new Map((await window.call('runs', {})).runs.map((each) => [each.run, each.state]));
      return runs.every(({ run }) => known.get(run) === 'finished');
    });
    process.stdout.write(
      `array: ${runs.length} runs of one Slurm job array, each began once; ${left} were left when everybody had gone\n`,
    );
  });

  test('a GPU that Slurm gives is the one that the run sees', async () => {
    await window.call('addNode', {
      config: {
        ...{ name: 'this computer', kind: 'local', slurm: { cpus: 1, gres: 'gpu:1' } },
        setup: ['echo "gpu: <$CUDA_VISIBLE_DEVICES>"'],
      },
    });
    const run = newRunId();
    await window.call('launch', { file: smallRun(3), node: 'this computer', run });
    await until('its end', () => inRun(run, 'exit.json') !== '');
    assert.match(inRun(run, 'output.log'), /^gpu: <[01]>$/m);
  });
});
