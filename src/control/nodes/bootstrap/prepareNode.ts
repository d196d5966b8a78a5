import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { BiphaseError } from '../../../core/errors.ts';
import type { PrepareContext, PreparedNode, Transport } from '../transport.ts';
import { localNodeBinary, nodeCacheFolder } from './fetchNode.ts';
import { linkIsSlow } from './linkRate.ts';
import { askNode, type NodeFacts } from './nodeFacts.ts';
import { type NodeRelease, nodeReleases, oldestGlibc, oldestNodeMajor } from './nodeRelease.ts';
import { type Parcel, packFile, placeFiles, spaceFor } from './placeFile.ts';
import { runScript } from './remoteScript.ts';

/**
 * Makes root, bundle and Node ready on a node and copies only what is missing: the second time nothing. Every file is
 * checked by its SHA-256 and gets its place by one rename, so a cut leaves nothing half behind a name and the next
 * attempt continues. Needs no root rights and writes nothing outside `root`.
 * @param client names the machine and account that copies, so that two of them never write one file.
 */
export async function prepareNode(
  transport: Transport,
  context: PrepareContext,
  client: string = clientName(),
): Promise<PreparedNode> {
  const { config, bundle, signal } = context;
  const facts = await askNode(transport, { root: config.root, nodePath: config.nodePath }, signal);
  const hash = bundle.hashFor(facts.platform);
  const findings = [
    ...(transport.notes ?? []),
    `${transport.description} is ${facts.platform}; its root is ${facts.root}.`,
  ];
  const node = fittingNode(facts);
  if (!node && config.nodePath !== undefined) throw unfitNode(config.nodePath, facts);

  const progress = new Progress(context.onProgress);
  const parcels: Load[] = [];
  // Asked only once it is sure that something is sent.
  let slow: Promise<boolean> | undefined;
  const pack = async (): Promise<boolean> => {
    slow ??= linkIsSlow(transport, signal);
    return facts.gzip && (await slow);
  };
  let nodePath = node?.path;
  if (node) findings.push(`Node ${node.version} is at ${node.path}.`);
  else {
    const release = releaseFor(facts, transport);
    const binary = await localNodeBinary(release, {
      cache: nodeCacheFolder(),
      installed: [path.join(bundle.folder, '..', '..', 'node_modules')],
      mayFetch: () => context.prompts.confirm(fetchQuestion(config.name, transport, release)),
      signal,
    });
    const folder = `${facts.root}/node/${release.version}-${facts.platform}`;
    nodePath = `${folder}/bin/node`;
    const parcel = await packFile(binary, await pack(), '700');
    parcels.push({ folder, files: [{ path: 'bin/node', parcel }], check: 'node' });
    findings.push(`Node ${release.version} was copied to ${folder}.`);
  }
  const bundleFolder = `${facts.root}/bundles/${hash}`;
  if (facts.bundles.includes(hash)) findings.push(`The bundle ${hash} is there.`);
  else {
    const files = [];
    for (const { path: name } of bundle.filesFor(facts.platform))
      files.push({ path: name, parcel: await packFile(path.join(bundle.folder, name), await pack(), '600') });
    parcels.push({ folder: bundleFolder, files, check: 'bundle.json' });
    findings.push(`The bundle ${hash} was copied to ${bundleFolder}.`);
  }
  needSpace(facts, parcels, transport);
  progress.total = parcels
    .flatMap((load) => load.files)
    .reduce((sum, each) => sum + each.parcel.bytes.length, 0);
  for (const load of parcels) await place(transport, load, client, progress, signal);
  progress.done();
  return {
    agentArgv: [nodePath!, `${bundleFolder}/biphase.mjs`, 'agent', '--root', facts.root],
    bundle: hash,
    findings,
  };
}

/** Files that appear together under one folder, by one rename. */
interface Load {
  folder: string;
  files: { path: string; parcel: Parcel }[];
  /** `node`: the binary must start before it is named. */
  check: 'node' | 'bundle.json';
}

/** Parameters: stage, then folders to make in it. */
const stageScript = 'umask 077; stage=$1; shift; for d; do mkdir -p "$stage/$d" || exit 1; done';

/**
 * Gives a complete stage its name. Another client may have been first: then its folder, which holds the same bytes,
 * stays (and a stage that \`mv\` put inside it is removed). Parameters: stage, folder, what to check.
 */
const nameScript = `
umask 077
if [ "$3" = node ]; then "$1/bin/node" -p process.versions.node </dev/null >/dev/null || exit 6; fi
find "$1" -type f -name '*.part*' -exec rm -f {} +
if [ ! -d "$2" ]; then mv "$1" "$2" 2>/dev/null || [ -d "$2" ] || exit 1; fi
rm -rf "$1" "$2/\${1##*/}"
`;

async function place(
  transport: Transport,
  load: Load,
  client: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const slash = load.folder.lastIndexOf('/');
  const stage = `${load.folder.slice(0, slash)}/.${load.folder.slice(slash + 1)}.${client}.stage`;
  const folders = [...new Set(load.files.map((each) => path.posix.dirname(each.path)))];
  const staged = await runScript(transport, stageScript, [stage, ...folders], signal);
  if (staged.code !== 0)
    throw new BiphaseError('refused', `${stage} cannot be made on ${transport.description}.`, {
      next: 'Check the free space and rights of the root.',
    });
  const deliveries = load.files.map(({ path: name, parcel }) => ({
    parcel,
    target: `${stage}/${name}`,
    onBytes: progress.part(parcel.bytes.length),
  }));
  await placeFiles(transport, deliveries, client, signal);
  const named = await runScript(transport, nameScript, [stage, load.folder, load.check], signal);
  if (named.code === 6)
    throw new BiphaseError(
      'missing',
      `The copied Node does not start on ${transport.description}: ${lastLine(named.stderr)}`,
      {
        next: 'Install Node 24 there and name it in the node’s settings.',
      },
    );
  if (named.code !== 0)
    throw new BiphaseError('refused', `${load.folder} cannot be written on ${transport.description}.`);
}

function fittingNode(facts: NodeFacts): { path: string; version: string } | undefined {
  return facts.nodes.find((each) => Number(each.version.split('.')[0]) >= oldestNodeMajor);
}

function unfitNode(configured: string, facts: NodeFacts): BiphaseError {
  const found = facts.nodes[0];
  return new BiphaseError(
    'missing',
    found
      ? `${configured} is Node ${found.version}; Biphase needs ${oldestNodeMajor} or newer.`
      : `${configured} is not a Node that can be started.`,
    { next: 'Change nodePath in the node’s settings, or remove it to have a Node brought there.' },
  );
}

function releaseFor(facts: NodeFacts, transport: Transport): NodeRelease {
  const [system, arch, libc] = facts.platform.split('-');
  const next = `Install Node ${oldestNodeMajor} there and name it in the node’s settings.`;
  if (libc === 'musl')
    throw new BiphaseError(
      'missing',
      `${transport.description} has no Node ${oldestNodeMajor}, and there is no build for musl to bring.`,
      { next },
    );
  if (libc === 'gnu' && !facts.glibc)
    throw new BiphaseError(
      'missing',
      `${transport.description} has no Node ${oldestNodeMajor} and does not tell the version of its C library.`,
      { next },
    );
  const [major, minor] = facts.glibc ?? [0, 0];
  if (libc === 'gnu' && (major < oldestGlibc[0] || (major === oldestGlibc[0] && minor < oldestGlibc[1])))
    throw new BiphaseError(
      'missing',
      `${transport.description} has glibc ${major}.${minor}, and Node needs ${oldestGlibc.join('.')} or newer.`,
      { next },
    );
  const release = nodeReleases[`${system}-${arch}`];
  if (!release)
    throw new BiphaseError('missing', `There is no build of Node for ${facts.platform}.`, { next });
  return release;
}

function fetchQuestion(name: string, transport: Transport, release: NodeRelease) {
  return {
    node: name,
    title: `Fetch Node ${release.version} for ${name}?`,
    detail: `${transport.description} has no Node ${oldestNodeMajor}. The package ${release.package} is fetched once through npm, checked, and copied there; nothing is installed outside Biphase's root.`,
    yes: 'Fetch',
  };
}

function needSpace(facts: NodeFacts, loads: Load[], transport: Transport): void {
  const bytes = loads.flatMap((load) => load.files).reduce((sum, { parcel }) => sum + spaceFor(parcel), 0);
  if (facts.freeBytes < bytes)
    throw new BiphaseError(
      'full',
      `${facts.root} on ${transport.description} has ${megabytes(facts.freeBytes)} free and needs ${megabytes(bytes)}.`,
      { next: 'Free space there, or set another root for this node.' },
    );
}

/** Stable for one account on one machine, different for another: half parcels are continued, never shared. */
function clientName(): string {
  const identity = `${os.hostname()}\0${os.userInfo().username}\0${os.homedir()}`;
  return createHash('sha256').update(identity).digest('hex').slice(0, 8);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it printed nothing.';
}

/** One fraction over several files. */
class Progress {
  total = 0;
  #before = 0;
  readonly #report: (fraction: number) => void;

  constructor(report: (fraction: number) => void) {
    this.#report = report;
  }

  part(bytes: number): (sent: number) => void {
    const start = this.#before;
    this.#before += bytes;
    return (sent) => this.#report(Math.min(1, (start + sent) / Math.max(1, this.total)));
  }

  done(): void {
    this.#report(1);
  }
}
