import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command } from '../../../src/cli/commands/stop.ts';

test('what is no run id is told without asking control', async () => {
  for (const args of [['../x'], ['20250101-aaaaaaaa/x', '--kill']])
    await assert.rejects(command.run(args), { kind: 'missing', message: `There is no run ${args[0]}.` });
});
