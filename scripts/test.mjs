#!/usr/bin/env node
// `npm test`: installs what the tests need, runs every suite, and ends with `N passed, N failed` over all of them.
// --long runs the stated counts and leaves a report in docs/evidence/. --only NAME[,NAME] runs some suites.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Plain, runMain } from './lib/fail.mjs';
import { checkoutNode, root, toolEnvironment } from './lib/paths.mjs';
import { preflight } from './preflight.mjs';

const say = (line) => console.error(line);

function testFiles(folder) {
  const base = path.join(root, folder);
  if (!fs.existsSync(base)) return [];
  return fs
    .readdirSync(base, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => path.join(base, name))
    .sort();
}

/** Runs a program with its output on ours; resolves to its exit code. */
function run(program, args, environment) {
  const child = spawn(program, args, {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve, reject) =>
    child.once('error', reject).once('close', (code) => resolve(code ?? 1)),
  );
}

/** A suite of node:test files. `concurrency` files run at a time. */
function nodeTests(folder, concurrency) {
  return async (environment) => {
    const files = testFiles(folder);
    if (files.length === 0) return { passed: 0, failed: 0, skipped: [] };
    const counts = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'bp-counts-')), 'counts.json');
    const reporter = pathToFileURL(path.join(root, 'scripts/lib/countReporter.mjs')).href;
    const code = await run(
      checkoutNode(),
      [
        '--test',
        `--test-concurrency=${concurrency}`,
        // Longer than any file takes: only something that hangs is ended.
        `--test-timeout=${(environment.BIPHASE_TEST_LONG === '1' ? 600 : 20) * 60_000}`,
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        `--test-reporter=${reporter}`,
        `--test-reporter-destination=${counts}`,
        ...files,
      ],
      environment,
    );
    const text = fs.existsSync(counts) ? fs.readFileSync(counts, 'utf8').trim() : '';
    fs.rmSync(path.dirname(counts), { recursive: true, force: true });
    if (text === '') return { passed: 0, failed: 1, skipped: [] };
    const result = JSON.parse(text);
    // A file that could not even be loaded fails the run without failing a test.
    return code !== 0 && result.failed === 0 ? { ...result, failed: 1 } : result;
  };
}

/** A suite that is one command: passed or failed as a whole. */
function command(...commands) {
  return async (environment) => {
    let failed = 0;
    for (const [program, ...args] of commands) if ((await run(program, args, environment)) !== 0) failed++;
    return { passed: commands.length - failed, failed, skipped: [] };
  };
}

/** Tests inside the extension host: the program writes its own counts. */
async function hostTests(environment) {
  const entry = path.join(root, 'test/host/run.ts');
  if (!fs.existsSync(entry)) return { passed: 0, failed: 0, skipped: [] };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-host-'));
  const counts = path.join(folder, 'counts.json');
  const code = await run(checkoutNode(), [entry], { ...environment, BIPHASE_COUNTS: counts });
  const result = fs.existsSync(counts)
    ? JSON.parse(fs.readFileSync(counts, 'utf8'))
    : { passed: 0, failed: 1 };
  fs.rmSync(folder, { recursive: true, force: true });
  return {
    passed: result.passed,
    failed: code !== 0 && result.failed === 0 ? 1 : result.failed,
    skipped: [],
  };
}

const bin = (name) => path.join(root, 'node_modules/.bin', name);
const suites = {
  check: command(
    [bin('tsc'), '--noEmit', '-p', '.'],
    [bin('tsc'), '--noEmit', '-p', 'webview'],
    [bin('biome'), 'check', '.'],
    [bin('node'), 'scripts/generate-docs.mjs', '--check'],
  ),
  unit: nodeTests('test/unit', 2),
  integration: nodeTests('test/integration', 1),
  host: hostTests,
  browser: nodeTests('test/browser', 1),
};

/** How often the faults of test/support/counts.ts were repeated, as names and numbers. */
function faultCounts() {
  const program = "import('./test/support/counts.ts').then((counts) => console.log(JSON.stringify(counts)))";
  const environment = { ...process.env, BIPHASE_TEST_LONG: '1' };
  const done = spawnSync(checkoutNode(), ['-e', program], { cwd: root, env: environment, encoding: 'utf8' });
  return Object.entries(JSON.parse(done.stdout));
}

function writeReport(results, seconds) {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
  const commit = git('rev-parse', '--short', 'HEAD');
  const dirty = git('status', '--porcelain') === '' ? '' : ' with uncommitted changes';
  const date = new Date().toISOString().slice(0, 10);
  const rows = results.map(
    ([name, r]) => `| ${name} | ${r.passed} | ${r.failed} | ${r.skipped.join('; ') || '–'} |`,
  );
  const text = [
    `# Long test run of ${date}`,
    '',
    `Command: \`npm run test:long\`. Commit: ${commit}${dirty}. Machine: ${os.cpus().length} × ${os.cpus()[0]?.model.trim()}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}. Time: ${Math.round(seconds / 60)} min.`,
    '',
    '| suite | passed | failed | skipped |',
    '|---|---|---|---|',
    ...rows,
    '',
    '| fault | times |',
    '|---|---|',
    ...faultCounts().map(([name, times]) => `| ${name} | ${times} |`),
    '',
    'Each is described in `test/support/counts.ts`.',
    '',
    ...results.flatMap(([, r]) => (r.evidence ?? []).map((line) => `- ${line}`)),
    '',
  ].join('\n');
  const file = path.join(root, 'docs/evidence', `${date}-${commit}.md`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  say(`Report: ${path.relative(root, file)}`);
}

await runMain(async () => {
  const { values } = parseArgs({ options: { long: { type: 'boolean' }, only: { type: 'string' } } });
  const chosen = values.only?.split(',') ?? Object.keys(suites);
  const unknown = chosen.find((name) => !Object.hasOwn(suites, name));
  if (unknown)
    throw new Plain(`There is no suite "${unknown}": choose from ${Object.keys(suites).join(', ')}.`);
  const started = performance.now();
  const prepared = await preflight('test', say);
  const environment = { ...toolEnvironment(prepared), BIPHASE_TEST_LONG: values.long ? '1' : '0' };
  const results = [];
  for (const name of chosen) {
    say(`\n── ${name} ──`);
    const at = performance.now();
    const result = await suites[name](environment);
    say(
      `${name}: ${result.passed} passed, ${result.failed} failed in ${((performance.now() - at) / 1000).toFixed(0)} s`,
    );
    results.push([name, result]);
  }
  const sum = (key) => results.reduce((all, [, r]) => all + r[key], 0);
  const skipped = results.flatMap(([name, r]) => r.skipped.map((what) => `${name}: ${what}`));
  if (values.long) writeReport(results, (performance.now() - started) / 1000);
  for (const what of skipped) console.log(`skipped: ${what}`);
  const failed = sum('failed');
  console.log(
    `${sum('passed')} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
  );
  return failed === 0 ? 0 : 1;
});
