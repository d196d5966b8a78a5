#!/usr/bin/env node
// Stands in for the VS Code desktop executable that @vscode/test-electron starts: takes its arguments, starts VS Code's
// server, opens the real workbench in headless Chromium, lets the extension host run the tests, ends with their code.
// 70: the extension host ended before the tests did; 71: the server ended; 72: the page crashed; 124: out of time.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { makePrivateHome, removePrivateHome } from '../support/privateHome.ts';
import { openBrowser } from '../support/workbenchPage.ts';
import { presetSettings, WorkbenchServer } from '../support/workbenchServer.ts';

const timeLimit = Number(process.env.BIPHASE_HOST_TIMEOUT_MS ?? 240_000);

const { values, positionals } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    extensionDevelopmentPath: { type: 'string', multiple: true },
    extensionTestsPath: { type: 'string' },
    'user-data-dir': { type: 'string' },
    'extensions-dir': { type: 'string' },
  },
});
const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? path.resolve(value) : undefined;
const developed = [values.extensionDevelopmentPath ?? []]
  .flat()
  .map((folder) => path.resolve(String(folder)));
const tests = text(values.extensionTestsPath);

const person = makePrivateHome();
const editor = path.join(person.folder, 'editor');
const userData = text(values['user-data-dir']) ?? path.join(editor, 'user');
const extensions = text(values['extensions-dir']) ?? path.join(editor, 'extensions');
const folder = path.resolve(positionals[0] ?? path.join(person.home, 'work'));
const outputFile = path.join(person.folder, 'tests.out');
const resultFile = path.join(person.folder, 'result.json');
for (const f of [editor, extensions, folder]) fs.mkdirSync(f, { recursive: true });
presetSettings(userData);
fs.writeFileSync(outputFile, '');

/** Passes on what the tests have written since the last call. */
let written = 0;
function passOutputOn(): void {
  const bytes = fs.readFileSync(outputFile);
  process.stdout.write(bytes.subarray(written));
  written = bytes.length;
}

const done = Promise.withResolvers<{ code: number; why?: string }>();
const end = (code: number, why?: string): void => done.resolve({ code, why });
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => end(130, name));
setTimeout(() => end(124, `no end after ${timeLimit} ms`), timeLimit).unref();

/** The workbench says 0 even when its extension host died, so only the file that the tests leave is believed. */
function testsEnded(code: number): void {
  if (!fs.existsSync(resultFile)) {
    end(70, `the extension host ended before the tests did (the workbench said ${code})`);
    return;
  }
  const { ok, error } = JSON.parse(fs.readFileSync(resultFile, 'utf8')) as { ok: boolean; error?: string };
  end(ok ? code : code || 1, error);
}

const server = await WorkbenchServer.start({
  folder: editor,
  userData,
  extensions,
  smokeTest: true,
  environment: {
    ...person.environment,
    ...testEnvironment(),
    BIPHASE_HOST_TESTS: tests ?? '',
    BIPHASE_HOST_OUTPUT: outputFile,
    BIPHASE_HOST_RESULT: resultFile,
  },
});
void server.ending.then((code) => end(71, `the server ended (${code})`));
const browser = await openBrowser(path.join(person.folder, 'browser'), person.environment);
const page = await browser.newPage();
page.on('crash', () => end(72, 'the workbench page crashed'));
await page.exposeFunction('codeAutomationLog', () => {});
await page.exposeFunction('codeAutomationExit', (code: number | undefined) => testsEnded(code ?? 1));
const remote = (file: string): string =>
  `vscode-remote://127.0.0.1:${server.port}${file.split('/').map(encodeURIComponent).join('/')}`;
const payload = [
  ...developed.map((f) => ['extensionDevelopmentPath', remote(f)]),
  ...(tests ? [['extensionTestsPath', remote(path.join(import.meta.dirname, 'hostEntry.cjs'))]] : []),
  ['skipWelcome', 'true'],
  ['skipReleaseNotes', 'true'],
];
await page.goto(server.address(folder, { payload: JSON.stringify(payload) }));
const outputTimer = setInterval(passOutputOn, 100);

const { code, why } = await done.promise;
clearInterval(outputTimer);
await browser.close().catch(() => {});
await server.stop();
passOutputOn();
if (why) process.stderr.write(`${why}\n`);
if (code >= 70) process.stderr.write(`${fs.readFileSync(server.logFile, 'utf8').slice(-3000)}\n`);
await removePrivateHome(person);
process.exit(code);

/** Variables that the caller set for the tests (`extensionTestsEnv`), and none else of the caller's. */
function testEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name.startsWith('BIPHASE_')) as [string, string][],
  );
}
