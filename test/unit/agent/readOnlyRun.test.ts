import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { NodeRoot } from '../../../src/agent/nodeRoot.ts';

const run = '20250101-aaaaaaaa';
const source = (file: string): string =>
  JSON.stringify(path.resolve(import.meta.dirname, '../../../src', file));
const resume = `
  import { Launcher } from ${source('agent/launcher.ts')};
  import { NodeRoot } from ${source('agent/nodeRoot.ts')};
  import { toBiphaseError } from ${source('core/errors.ts')};
  const table = { host: 'h', bootId: 'b', startTime: () => null };
  const root = new NodeRoot(process.argv[1]);
  const launcher = new Launcher(root, table, { main: '/nowhere', hash: 'x' }, false);
  const error = await launcher.resume('${run}', { environment: {}, setup: [] }).catch(toBiphaseError);
  console.log(JSON.stringify({ kind: error.kind, message: error.message, next: error.next }));
`;

test('a run whose directory may not be written is not resumed, and nobody waits for it', (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-read-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const root = new NodeRoot(folder);
  root.prepare();
  const directory = root.runDirectory(run);
  fs.mkdirSync(directory);
  const put = (file: string, content: unknown): void =>
    fs.writeFileSync(path.join(directory, file), JSON.stringify(content));
  put('spec.json', { schema: 1, id: run, name: 'n', kind: 'pretrain', createdAt: 1, bundle: 'x', file: {} });
  put('exit.json', { schema: 1, segment: 0, code: 3, signal: null, endedAt: 1 });
  put('output.log', '');
  fs.chmodSync(directory, 0o500);
  // Permissions do not bind root.
  const uid = process.getuid?.() === 0 ? 65534 : undefined;
  if (uid !== undefined) execFileSync('chown', ['-R', String(uid), folder]);
  const answer = execFileSync(process.execPath, ['--input-type=module', '-e', resume, folder], {
    uid,
    encoding: 'utf8',
  });
  fs.chmodSync(directory, 0o700);
  assert.deepEqual(JSON.parse(answer), {
    kind: 'refused',
    message: `${directory} cannot be used: permission is denied.`,
    next: 'Correct its permissions, or choose another place.',
  });
});
