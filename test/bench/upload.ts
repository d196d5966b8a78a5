// How fast a node is made ready, against `scp` of the same files in the same run:
//   node test/bench/upload.ts [--turns N]
// A real sshd on loopback; both sides log in once before the clock starts (scp by ControlMaster). Ours includes packing
// and checking each file's SHA-256 on both sides, which scp does not do. It asserts nothing. Needs `npm run build`.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { linkIsSlow } from '../../src/control/nodes/bootstrap/linkRate.ts';
import { packFile, placeFiles } from '../../src/control/nodes/bootstrap/placeFile.ts';
import { openBundle } from '../../src/control/nodes/bundle.ts';
import { connectSsh } from '../../src/control/nodes/ssh/connect.ts';
import { SshTransport } from '../../src/control/nodes/ssh/sshTransport.ts';
import type { Transport } from '../../src/control/nodes/transport.ts';
import { makePrivateHome, removePrivateHome } from '../support/privateHome.ts';
import { startSshNode } from '../support/sshNode.ts';
import { testPrompter } from '../support/testPrompter.ts';

interface Load {
  name: string;
  files: string[];
}

const { signal } = new AbortController();
const { values } = parseArgs({ options: { turns: { type: 'string', default: '5' } } });
const turns = Number(values.turns);
const root = path.resolve(import.meta.dirname, '../..');

function bundleFiles(): string[] {
  const bundle = openBundle(path.join(root, 'dist/bundle'));
  return bundle.filesFor('linux-x64-gnu').map((file) => path.join(bundle.folder, file.path));
}

/** Seconds to bring the files into a new folder as bootstrap does, and how many of them pass before the first is sent. */
async function ours(
  transport: Transport,
  files: readonly string[],
  target: string,
): Promise<{ all: number; before: number }> {
  fs.mkdirSync(target);
  const start = performance.now();
  const pack = await linkIsSlow(transport, signal);
  const deliveries = [];
  for (const file of files) {
    const parcel = await packFile(file, pack, '600');
    const place = path.join(target, path.basename(file));
    deliveries.push({ parcel, target: place, part: `${place}.part`, onBytes: () => {} });
  }
  const before = (performance.now() - start) / 1000;
  await placeFiles(transport, deliveries, { signal });
  return { all: (performance.now() - start) / 1000, before };
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

const person = makePrivateHome();
const node = await startSshNode(person);
const config = path.join(person.home, '.ssh/config');
const options = [
  ...['-F', config, '-o', `UserKnownHostsFile=${path.join(person.home, '.ssh/known_hosts')}`],
  ...['-o', `ControlPath=${path.join(person.folder, 'cm')}`],
];
const master = spawn('ssh', [...options, '-M', '-N', node.host], { stdio: 'ignore' });
const random = path.join(person.folder, 'random.bin');
try {
  const sources = {
    home: person.home,
    userFile: config,
    systemFile: path.join(person.home, 'none'),
    localUser: os.userInfo().username,
    environment: {},
  };
  const connection = await connectSsh(
    { host: node.host },
    { node: node.host, prompts: testPrompter(), signal, sources },
  );
  const transport = new SshTransport(connection);
  execFileSync('ssh', [...options, '-o', 'ControlMaster=auto', node.host, 'true']);
  execFileSync('head', ['-c', String(256 << 20), '/dev/urandom'], {
    stdio: ['ignore', fs.openSync(random, 'w'), 'inherit'],
  });
  const loads: Load[] = [
    { name: 'the bundle', files: bundleFiles() },
    { name: 'the bundle and a Node', files: [...bundleFiles(), process.execPath] },
    { name: '256 MiB that cannot be packed', files: [random] },
  ];
  console.log(
    '| files | MiB | ours, s | of it before sending, s | scp, s | rate, ours ÷ scp |\n|---|---|---|---|---|---|',
  );
  for (const { name, files } of loads) {
    const mib = files.reduce((sum, file) => sum + fs.statSync(file).size, 0) / 2 ** 20;
    const times: { ours: { all: number; before: number }; scp: number }[] = [];
    // The first turn warms both up.
    for (let turn = 0; turn <= turns; turn++) {
      const folder = fs.mkdtempSync(path.join(person.folder, 'turn-'));
      const one = {
        ours: await ours(transport, files, path.join(folder, 'ours')),
        scp: scp(options, node.host, files, path.join(folder, 'scp')),
      };
      if (turn > 0) times.push(one);
      fs.rmSync(folder, { recursive: true });
    }
    const own = median(times.map((time) => time.ours.all));
    const before = median(times.map((time) => time.ours.before));
    const peer = median(times.map((time) => time.scp));
    const cells = [name, mib.toFixed(0), own.toFixed(2), before.toFixed(2), peer.toFixed(2)];
    console.log(`| ${cells.join(' | ')} | ${(peer / own).toFixed(2)} |`);
  }
  transport.close();
} finally {
  master.kill();
  await node.sshd.stop();
  await removePrivateHome(person);
}
