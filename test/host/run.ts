// Runs test/host/*.test.ts inside a real extension host, through @vscode/test-electron.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTests, TestRunFailedError } from '@vscode/test-electron';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-host-'));
const files = fs.readdirSync(import.meta.dirname).filter((file) => file.endsWith('.test.ts'));

/** One file for the extension host: all tests, then their run. `vscode` comes from the host. */
async function bundleTests(): Promise<string> {
  const entry = [
    ...files.map((file) => `import ${JSON.stringify(`./${file}`)};`),
    "export { runCollected as run } from './collector.ts';",
  ];
  const outfile = path.join(folder, 'tests.cjs');
  await build({
    stdin: { contents: entry.join('\n'), resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    external: ['vscode'],
    outfile,
    logLevel: 'warning',
  });
  return outfile;
}

try {
  const workspace = path.join(folder, 'workspace');
  fs.mkdirSync(workspace);
  await runTests({
    vscodeExecutablePath: path.join(root, 'test/workbench/vscodeExecutable.ts'),
    extensionDevelopmentPath: root,
    extensionTestsPath: await bundleTests(),
    launchArgs: [
      workspace,
      `--user-data-dir=${path.join(folder, 'user')}`,
      `--extensions-dir=${path.join(folder, 'extensions')}`,
    ],
  });
} catch (error) {
  if (!(error instanceof TestRunFailedError)) throw error;
  console.error(error.message);
  process.exitCode = error.code || 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
