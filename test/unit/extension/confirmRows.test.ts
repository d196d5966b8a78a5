import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirmRows } from '../../../src/extension/control/confirmRows.ts';

const question = (detail: string) => ({
  ...{ kind: 'confirm' as const, id: '1', node: 'atlas', title: 'The SSH configuration runs a command.' },
  ...{ detail, yes: 'Run it' },
});

test('a detail of one line stands beside the yes', () => {
  assert.deepEqual(confirmRows(question('48 MiB from npm.')), {
    above: '48 MiB from npm.',
    rows: [
      { label: 'Run it', detail: '48 MiB from npm.', answer: 'yes' },
      { label: 'No', answer: null },
    ],
  });
});

test('a command is in rows that answer nothing, whole however long, and no icon', () => {
  const command = `sh -c "${'x'.repeat(200)}😀$(sync~spin)\u202e; rm -rf ~"`;
  const { above, rows } = confirmRows(question(`ProxyCommand in line 3 of /home/me/.ssh/config\n${command}`));
  assert.equal(above, 'ProxyCommand in line 3 of /home/me/.ssh/config');
  assert.deepEqual(
    rows.slice(0, 2).map(({ label, answer }) => [label, answer]),
    [
      ['Run it', 'yes'],
      ['No', null],
    ],
  );
  const said = rows.slice(2);
  assert.ok(said.length > 3 && said.every(({ answer, label }) => answer === undefined && label.length <= 74));
  const whole = said.map(({ label }) => label).join('');
  assert.equal(whole, command.replace('$(sync', '$\u200b(sync').replace('\u202e', '\ufffd'));
});
