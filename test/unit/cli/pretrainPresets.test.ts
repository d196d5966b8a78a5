import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { command } from '../../../src/cli/commands/pretrain.ts';
import { BiphaseError } from '../../../src/core/errors.ts';
import { presetRunFile, studyPreset } from '../../../src/core/studyPresets.ts';
import { printed } from '../../support/printed.ts';

test('--print shows the run file of a preset, which reads back as the preset', async () => {
  const id = 'paper/610m-clm-dec42k-mlm40-54k';
  const changes = ['--from', '20260101-abcdefgh@42000', '--data', 'world'];
  const yaml = await printed(command, ['--preset', id, ...changes, '--print']);
  const options = { checkpoint: '20260101-abcdefgh@42000', source: 'world' };
  assert.deepEqual(parse(yaml), presetRunFile(studyPreset(id), options));
});

test('--presets names every preset with what it does', async () => {
  const lines = (await printed(command, ['--presets'])).trim().split('\n');
  assert.equal(lines.length, 100);
  assert.ok(
    lines.some((line) => /^paper\/610m-clm-10k-mlm40-42k +clm until 10k, mlm40 until 42k$/.test(line)),
  );
  assert.ok(lines.some((line) => /^micro\/micro-mlm40-420-50 +step 50 of micro-mlm40-420$/.test(line)));
});

test('what does not fit together is refused before anything is made', async () => {
  const cases: [string[], RegExp][] = [
    [['--preset', 'paper/610m-clm'], /Did you mean "paper\/610m-clm-42k"\?/],
    [['--preset', 'paper/610m-clm-dec42k-mlm40-44k'], /give the last checkpoint of that run/],
    [['a.run.yaml', '--preset', 'paper/610m-clm-12k'], /not both/],
    [['a.run.yaml', '--from', 'x'], /changes a preset/],
    [['a.run.yaml', '--print'], /needs --preset/],
  ];
  for (const [args, sentence] of cases)
    await assert.rejects(
      command.run(args),
      (error) => error instanceof BiphaseError && error.kind === 'usage' && sentence.test(error.message),
      args.join(' '),
    );
});
