// How fast files reach a node, against `scp` of the same files in the same run:
//   node test/bench/upload.ts [--turns N]
// A real sshd on loopback; both sides log in once before the clock starts (scp by ControlMaster) but in the row "with the
// login", where both log in while it runs. scp's time has the start of its program in it. Ours includes judging the link, finding what lies there already, checking the SHA-256 of
// everything on the node and naming the folder when it is whole, which scp does not do. The SHA-256 that is sent with it
// is known before for a Node (pinned) and for a file of a corpus that was hashed before (remembered); of the bundle, and
// of a corpus that was not, it is made while the clock runs. The rate is the median of each turn's. "Bytes alone" is
// `cat` at the end of a channel, with nothing checked: what the library can do; "by SFTP" is its SFTP of the same file. It asserts nothing. Needs `npm run build`.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { nodeReleases } from '../../src/control/nodes/bootstrap/nodeRelease.ts';
import type { Load } from '../../src/control/nodes/bootstrap/parcel.ts';
import { bundleLoad, deliver } from '../../src/control/nodes/bootstrap/prepareNode.ts';
import { openBundle } from '../../src/control/nodes/bundle.ts';
import { readAhead } from '../../src/control/nodes/readAhead.ts';
import { sendBytes } from '../../src/control/nodes/sendBytes.ts';
import { connectSsh, type SshConnection } from '../../src/control/nodes/ssh/connect.ts';
import { SshTransport } from '../../src/control/nodes/ssh/sshTransport.ts';
import type { Transport } from '../../src/control/nodes/transport.ts';
import { HashMemo } from '../../src/control/transfers/hashMemo.ts';
import { checkUnchanged, corpusParcel, hashOf, listCorpus } from '../../src/control/transfers/localCorpus.ts';
import { parcelOf } from '../../src/control/transfers/placeFile.ts';
import { CopyProgress, placeFolder } from '../../src/control/transfers/placeFolder.ts';
import type { FolderFile } from '../../src/control/transfers/placePacks.ts';
import { makePrivateHome, removePrivateHome } from '../support/privateHome.ts';
import { startSshNode } from '../support/sshNode.ts';
import { testPrompter } from '../support/testPrompter.ts';

interface Case {
  name: string;
  files: string[];
  /** Both log in anew. */
  login?: boolean;
  /** Brings them into a new folder. */
  ours: (target: string) => Promise<void>;
}

const { signal } = new AbortController();
const { values } = parseArgs({ options: { turns: { type: 'string', default: '5' } } });
const turns = Number(values.turns);
const root = path.resolve(import.meta.dirname, '../..');

const bundle = openBundle(path.join(root, 'dist/bundle'));
const theBundle = (target: string): Load => bundleLoad(bundle, 'linux-x64-gnu', `${target}/bundle`);
const release = nodeReleases[`${process.platform}-${process.arch}`]!;
const nodeBinary = path.join(root, 'node_modules', release.package, 'bin/node');
const theNode = (target: string): Load => ({
  folder: `${target}/node`,
  id: 'bench',
  files: [{ source: nodeBinary, path: 'bin/node', mode: '700' }],
  sha256: release.sha256,
  check: 'none',
});
const sourcesOf = (...loads: Load[]): string[] =>
  loads.flatMap((load) => load.files.map(({ source }) => source));

/** As preparing a node does it. */
function prepare(transport: Transport, loads: readonly Load[], target: string): Promise<void> {
  const facts = { root: target, freeBytes: Number.POSITIVE_INFINITY, gzip: true };
  return deliver(transport, loads, { facts, client: 'bench', onProgress: () => {}, signal });
}

/** As a launch brings a corpus; `memo` may know its hashes. */
async function stage(transport: Transport, source: string, memo: HashMemo, target: string): Promise<void> {
  const listed = await listCorpus(source, signal);
  const files: FolderFile[] = [];
  for (const entry of listed) {
    const sha256 = await hashOf(entry, memo, { signal, onBytes: () => {} });
    files.push({ path: `files/${entry.path}`, parcel: corpusParcel(entry, sha256) });
  }
  const list = Buffer.from(JSON.stringify(files.map(({ path, parcel }) => [path, parcel.sha256])));
  const last = {
    path: 'manifest.json',
    parcel: parcelOf(list, createHash('sha256').update(list).digest('hex'), '600'),
  };
  const confirm = (): Promise<void> => checkUnchanged(source, listed, signal);
  const load = { folder: `${target}/corpus`, files, last, confirm, mark: last.path };
  const progress = new CopyProgress(() => {});
  await placeFolder(transport, load, { client: 'bench', progress, signal, lanes: 3 });
}

async function bytesAlone(transport: Transport, source: string, target: string): Promise<void> {
  const channel = await transport.exec(['sh', '-c', 'cat > "$1"', 'sh', `${target}/file`], { signal });
  channel.stdout.resume();
  channel.stderr.resume();
  const handle = await fs.promises.open(source);
  await sendBytes(channel, readAhead(handle, 0, Number.POSITIVE_INFINITY), () => {});
  await handle.close();
  channel.stdin.end();
  await channel.exit;
}

/** As the library's own copying does it, with 64 requests of 32 KiB under way. */
function bySftp(connection: SshConnection, source: string, target: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connection.client.sftp((error, sftp) => {
    if (error) return reject(error);
    sftp.fastPut(source, `${target}/file`, { concurrency: 64, chunkSize: 32 << 10 }, (failed) => {
      sftp.end();
      if (failed) reject(failed);
      else resolve();
    });
  });
  return promise;
}

async function secondsOf(work: Case['ours'], target: string): Promise<number> {
  fs.mkdirSync(target);
  const start = performance.now();
  await work(target);
  return (performance.now() - start) / 1000;
}

/** Seconds of one scp of all files over a connection that is open. */
function scp(options: readonly string[], host: string, files: readonly string[], target: string): number {
  fs.mkdirSync(target);
  const start = performance.now();
  execFileSync('scp', ['-q', ...options, ...files, `${host}:${target}/`], { stdio: 'inherit' });
  return (performance.now() - start) / 1000;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}

/** Until the master has logged in. */
async function untilOpen(): Promise<void> {
  while (spawnSync('ssh', [...options, '-O', 'check', node.host], { stdio: 'ignore' }).status !== 0)
    await sleep(20);
}

const person = makePrivateHome();
const node = await startSshNode(person);
const config = path.join(person.home, '.ssh/config');
const options = [
  ...['-F', config, '-o', `UserKnownHostsFile=${path.join(person.home, '.ssh/known_hosts')}`],
  ...['-o', `ControlPath=${path.join(person.folder, 'cm')}`],
];
const loginOptions = options.slice(0, 4);
const master = spawn('ssh', [...options, '-M', '-N', node.host], { stdio: 'ignore' });
const random = path.join(person.folder, 'random.txt');
try {
  const sources = {
    home: person.home,
    userFile: config,
    systemFile: path.join(person.home, 'none'),
    localUser: os.userInfo().username,
    environment: {},
  };
  const logIn = (): Promise<SshConnection> =>
    connectSsh({ host: node.host }, { node: node.host, prompts: testPrompter(), signal, sources });
  const connection = await logIn();
  const transport = new SshTransport(connection);
  await untilOpen();
  execFileSync('head', ['-c', String(256 << 20), '/dev/urandom'], {
    stdio: ['ignore', fs.openSync(random, 'w'), 'inherit'],
  });
  const remembered = new HashMemo(path.join(person.folder, 'hashes'));
  const past = new Date(Date.now() - 60_000);
  fs.utimesSync(random, past, past);
  const cases: Case[] = [
    {
      name: 'the bundle over an open connection',
      files: sourcesOf(theBundle('')),
      ours: (target) => prepare(transport, [theBundle(target)], target),
    },
    {
      name: 'the bundle and a Node',
      files: sourcesOf(theNode(''), theBundle('')),
      ours: (target) => prepare(transport, [theNode(target), theBundle(target)], target),
    },
    {
      name: 'the bundle, with the login',
      files: sourcesOf(theBundle('')),
      login: true,
      ours: async (target) => {
        const own = new SshTransport(await logIn());
        await prepare(own, [theBundle(target)], target);
        own.close();
      },
    },
    {
      name: 'a corpus that was hashed before',
      files: [random],
      ours: (target) => stage(transport, random, remembered, target),
    },
    {
      name: 'a new corpus',
      files: [random],
      ours: (target) => stage(transport, random, new HashMemo(`${target}/hashes`), target),
    },
    {
      name: 'bytes alone',
      files: [random],
      ours: (target) => bytesAlone(transport, random, target),
    },
    {
      name: 'the same by SFTP',
      files: [random],
      ours: (target) => bySftp(connection, random, target),
    },
  ];
  console.log('| files | MiB | ours, s | scp, s | rate, ours ÷ scp |\n|---|---|---|---|---|');
  for (const { name, files, login, ours } of cases) {
    const mib = files.reduce((sum, file) => sum + fs.statSync(file).size, 0) / 2 ** 20;
    const times: { ours: number; scp: number }[] = [];
    // The first turn warms both up.
    for (let turn = 0; turn <= turns; turn++) {
      const folder = fs.mkdtempSync(path.join(person.folder, 'turn-'));
      const one = {
        ours: await secondsOf(ours, path.join(folder, 'ours')),
        scp: scp(login ? loginOptions : options, node.host, files, path.join(folder, 'scp')),
      };
      if (turn > 0) times.push(one);
      fs.rmSync(folder, { recursive: true });
    }
    const own = median(times.map((time) => time.ours));
    const peer = median(times.map((time) => time.scp));
    const rate = median(times.map((time) => time.scp / time.ours));
    const cells = [name, mib.toFixed(0), own.toFixed(3), peer.toFixed(3), rate.toFixed(2)];
    console.log(`| ${cells.join(' | ')} |`);
  }
  transport.close();
} finally {
  master.kill();
  await node.sshd.stop();
  await removePrivateHome(person);
}
