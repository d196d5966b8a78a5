import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobName, outputPattern, sbatchOptions } from '../../../../src/agent/slurm/jobOptions.ts';
import { slurmSeconds } from '../../../../src/core/slurmTime.ts';
import { slurmOptionsSchema } from '../../../../src/protocol/slurm.ts';

const request = { name: jobName('20250101-aaaaaaaa', 2), output: '/r/output.log', options: {} };

test('time limits are read in all forms of sbatch', () => {
  const seconds = ['90', '10:30', '1:02:03', '2-12', '1-0:30', '1-01:02:03'].map(slurmSeconds);
  assert.deepEqual(seconds, [5400, 630, 3723, 216_000, 88_200, 90_123]);
});

test('every option is one argument, and what was left out is not there', () => {
  const bare = sbatchOptions(request);
  assert.ok(bare.includes('--job-name=biphase-20250101-aaaaaaaa-2'));
  assert.ok(bare.includes('--signal=B:TERM@120'));
  assert.ok(!bare.some((option) => /partition|time|mem|gres|cpus|array/.test(option)));
  const options = {
    partition: 'gpu',
    account: 'a',
    qos: 'q',
    time: '4:00:00',
    gres: 'gpu:1',
    memory: '32G',
    cpus: 8,
  };
  const full = sbatchOptions({ ...request, options, array: { count: 12, atOnce: 3 } });
  for (const option of [
    'partition=gpu',
    'account=a',
    'qos=q',
    'time=4:00:00',
    'gres=gpu:1',
    'mem=32G',
    'cpus-per-task=8',
    'array=0-11%3',
  ])
    assert.ok(full.includes(`--${option}`), option);
  assert.ok(sbatchOptions({ ...request, array: { count: 2 } }).includes('--array=0-1'));
});

test('a short job is not told to end as soon as it begins', () => {
  const lead = (time: string): string | undefined =>
    sbatchOptions({ ...request, options: { time } }).find((option) => option.startsWith('--signal'));
  assert.equal(lead('1'), '--signal=B:TERM@15');
  assert.equal(lead('4'), '--signal=B:TERM@60');
  assert.equal(lead('8'), '--signal=B:TERM@120');
  assert.equal(lead('0'), '--signal=B:TERM@120');
});

test('a path is never a pattern', () => {
  assert.equal(outputPattern('/a %j/100%'), '/a %%j/100%%');
  assert.throws(() => outputPattern('/a\\b'), { kind: 'usage' });
});

test('values that could be an option, a pattern or another line are refused', () => {
  const fits = (options: object): boolean => slurmOptionsSchema.safeParse(options).success;
  for (const options of [
    { partition: 'gpu,cpu_long' },
    { qos: 'qos_gpu-t3' },
    { account: 'abc@v100' },
    { gres: 'gpu:a100:1' },
    { time: '2-00:00:00' },
    { memory: '500' },
  ])
    assert.ok(fits(options), JSON.stringify(options));
  for (const options of [
    { partition: '-p' },
    { partition: 'a b' },
    { account: 'a\n' },
    { gres: 'gpu%j' },
    { time: '-1' },
    { time: '1h' },
    { memory: '1g' },
    { cpus: 0 },
    { extra: '--wrap=id' },
  ])
    assert.ok(!fits(options), JSON.stringify(options));
});
