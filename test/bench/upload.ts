// How fast a node is made ready, against `scp` of the same files in the same run:
//   node test/bench/upload.ts [--turns N]
// A real sshd on loopback; both sides log in once before the clock starts (scp by ControlMaster). Ours includes
// judging the link, checking the SHA-256 of everything on both sides and naming the folder when it is whole, which scp
// does not do. It asserts nothing. Needs `npm run build`.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Load } from '../../src/control/nodes/bootstrap/parcel.ts';
import { bundleLoad, deliver } from '../../src/control/nodes/bootstrap/prepareNode.ts';
import { openBundle } from '../../src/control/nodes/bundle.ts';
import { connectSsh } from '../../src/control/nodes/ssh/connect.ts';
import { SshTransport } from '../../src/control/nodes/ssh/sshTransport.ts';
import type { Transport } from '../../src/control/nodes/transport.ts';
import { makePrivateHome, removePrivateHome } from '../support/privateHome.ts';
import { startSshNode } from '../support/sshNode.ts';
import { testPrompter } from '../support/testPrompter.ts';

interface Case {
  name: string;
  /** As preparing a node would bring them. */
  loads: (target: string) => Load[];
}

const { signal } = new AbortController();
const { values } = parseArgs({ options: { turns: { type: 'string', default: '5' } } });
const turns = Number(values.turns);
const root = path.resolve(import.meta.dirname, '../..');

const bundle = openBundle(path.join(root, 'dist/bundle'));
const theBundle = (target: string): Load => bundleLoad(bundle, 'linux-x64-gnu', `${target}/bundle`);
const oneFile = (source: string, target: string): Load => ({
  folder: `${target}/${path.basename(source)}`,
  id: 'bench',
  files: [{ source, path: 'file', mode: '600' }],
  check: 'none',
});

/** Seconds to bring the loads into a new folder as preparing a node does. */
async function ours(transport: Transport, loads: readonly Load[], target: string): Promise<number> {
  fs.mkdirSync(target);
  const facts = { root: target, freeBytes: Number.POSITIVE_INFINITY, gzip: true };
  const start = performance.now();
  await deliver(transport, loads, { facts, client: 'bench', onProgress: () => {}, signal });
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
  const cases: Case[] = [
    { name: 'the bundle', loads: (target) => [theBundle(target)] },
    {
      name: 'the bundle and a Node',
      loads: (target) => [oneFile(process.execPath, target), theBundle(target)],
    },
    { name: '256 MiB that cannot be packed', loads: (target) => [oneFile(random, target)] },
  ];
  console.log('| files | MiB | ours, s | scp, s | rate, ours ÷ scp |\n|---|---|---|---|---|');
  for (const { name, loads } of cases) {
    const files = loads('').flatMap((load) => load.files.map(({ source }) => source));
    const mib = files.reduce((sum, file) => sum + fs.statSync(file).size, 0) / 2 ** 20;
    const times: { ours: number; scp: number }[] = [];
    // The first turn warms both up.
    for (let turn = 0; turn <= turns; turn++) {
      const folder = fs.mkdtempSync(path.join(person.folder, 'turn-'));
      const one = {
        ours: await ours(transport, loads(path.join(folder, 'ours')), path.join(folder, 'ours')),
        scp: scp(options, node.host, files, path.join(folder, 'scp')),
      };
      if (turn > 0) times.push(one);
      fs.rmSync(folder, { recursive: true });
    }
    const own = median(times.map((time) => time.ours));
    const peer = median(times.map((time) => time.scp));
    const cells = [name, mib.toFixed(0), own.toFixed(3), peer.toFixed(3)];
    console.log(`| ${cells.join(' | ')} | ${(peer / own).toFixed(2)} |`);
  }
  transport.close();
} finally {
  master.kill();
  await node.sshd.stop();
  await removePrivateHome(person);
}
