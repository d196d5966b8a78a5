#!/usr/bin/env node
// Proves that a plain clone is enough: clones what is committed into an empty folder, and runs `npm start -- --once`
// and `npm test` there as a new user with an empty HOME and empty caches. Needs root for the user; without, only HOME is new.
// --only start|test runs one of the two.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Plain, runMain } from './lib/fail.mjs';
import { root } from './lib/paths.mjs';
import { ensureSystemPackages } from './lib/systemPackages.mjs';

const say = (line) => console.log(line);
const user = `bp${process.pid}`;
const asRoot = process.getuid?.() === 0;
/** How the network is reached is the machine's affair, not the user's. */
const passedOn = /^(https?_proxy|no_proxy|npm_config_registry|node_extra_ca_certs|lang)$/i;

function must(program, ...args) {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  if (done.status !== 0)
    throw new Plain(`${program} ${args.join(' ')} failed: ${done.stderr || done.error?.message}`);
  return done.stdout.trim();
}

/** Ends what the new user still runs, control and agent for instance. */
async function endProcessesOf(uid) {
  for (let round = 0; round < 50; round++) {
    const mine = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && ownerOf(entry) === uid);
    if (mine.length === 0) return;
    for (const pid of mine) {
      try {
        process.kill(Number(pid), round < 20 ? 'SIGTERM' : 'SIGKILL');
      } catch {
        // gone
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function ownerOf(pid) {
  try {
    return fs.statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

/** Runs a command as the new person; resolves to its exit code. */
function runAs(person, checkout, argv) {
  const network = Object.entries(process.env).filter(([name]) => passedOn.test(name));
  const child = spawn(argv[0], argv.slice(1), {
    cwd: checkout,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...Object.fromEntries(network),
      PATH: process.env.PATH,
      HOME: person.home,
      USER: person.name,
      LOGNAME: person.name,
    },
    ...(person.uid === undefined ? {} : { uid: person.uid, gid: person.gid }),
  });
  return new Promise((resolve, reject) =>
    child.once('error', reject).once('close', (code) => resolve(code ?? 1)),
  );
}

await runMain(async () => {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const commands = { start: ['npm', 'start', '--', '--once'], test: ['npm', 'test'] };
  const chosen = values.only ? [values.only] : Object.keys(commands);
  if (!chosen.every((name) => Object.hasOwn(commands, name))) throw new Plain('--only takes start or test.');
  if (asRoot) ensureSystemPackages('test', say);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-clean-'));
  const home = path.join(folder, 'home');
  const checkout = path.join(folder, 'biphase');
  const person = { name: os.userInfo().username, home };
  const times = [];
  let failed = false;
  try {
    fs.mkdirSync(home);
    must('git', 'clone', '--quiet', '--no-hardlinks', root, checkout);
    if (asRoot) {
      must('useradd', '--home-dir', home, '--no-create-home', '--shell', '/bin/sh', user);
      Object.assign(person, {
        name: user,
        uid: Number(must('id', '-u', user)),
        gid: Number(must('id', '-g', user)),
      });
      fs.chmodSync(folder, 0o755);
      must('chown', '-R', `${person.uid}:${person.gid}`, home, checkout);
    }
    say(
      `Commit ${must('git', '-C', root, 'rev-parse', '--short', 'HEAD')} in ${checkout}, as ${person.name}.`,
    );
    for (const name of chosen) {
      const started = performance.now();
      const code = await runAs(person, checkout, commands[name]);
      times.push(
        `${commands[name].join(' ')}: exit code ${code} after ${((performance.now() - started) / 1000).toFixed(0)} s`,
      );
      failed ||= code !== 0;
    }
  } finally {
    if (person.uid !== undefined) {
      await endProcessesOf(person.uid);
      spawnSync('userdel', [user], { stdio: 'ignore' });
    }
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  for (const line of times) say(line);
  return failed ? 1 : 0;
});
