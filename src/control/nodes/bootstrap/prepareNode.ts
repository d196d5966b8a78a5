import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../../core/errors.ts';
import type { Bundle } from '../bundle.ts';
import type { PrepareContext, PreparedNode, Transport } from '../transport.ts';
import { clientName } from './clientName.ts';
import { localNodeBinary, nodeCacheFolder } from './fetchNode.ts';
import { askNode, type NodeFacts } from './nodeFacts.ts';
import { type NodeRelease, nodeReleases, oldestGlibc, oldestNodeMajor } from './nodeRelease.ts';
import { type Load, type LoadFile, makeParcel, type Parcel, packed, spaceFor } from './parcel.ts';
import { ParcelSender } from './parcelSender.ts';
import { openStages, stageOf } from './stage.ts';

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

  const loads: Load[] = [];
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
    const name = `${release.version}-${facts.platform}`;
    const folder = `${facts.root}/node/${name}`;
    nodePath = `${folder}/bin/node`;
    const { size, mtimeMs } = await fs.promises.stat(binary);
    loads.push({
      folder,
      id: `node.${size}.${Math.floor(mtimeMs)}`,
      files: [{ source: binary, path: 'bin/node', mode: '700' }],
      sha256: release.sha256,
      check: 'node',
    });
    findings.push(`Node ${release.version} was copied to ${folder}.`);
  }
  const bundleFolder = `${facts.root}/bundles/${hash}`;
  if (facts.bundles.includes(hash)) findings.push(`The bundle ${hash} is there.`);
  else {
    loads.push(bundleLoad(bundle, facts.platform, bundleFolder));
    findings.push(`The bundle ${hash} was copied to ${bundleFolder}.`);
  }
  if (loads.length > 0)
    await deliver(transport, loads, { facts, client, onProgress: context.onProgress, signal });
  context.onProgress(1);
  return {
    agentArgv: [nodePath!, `${bundleFolder}/biphase.mjs`, 'agent', '--root', facts.root],
    bundle: hash,
    findings,
  };
}

/** What travels of a bundle to a node. */
export function bundleLoad(bundle: Bundle, platform: string, folder: string): Load {
  const files = bundle
    .filesFor(platform)
    .map(({ path: name }): LoadFile => ({ source: path.join(bundle.folder, name), path: name, mode: '600' }));
  return { folder, id: `bundle.${bundle.hashFor(platform)}`, files, check: 'none' };
}

/** Brings loads to the node, one after the other, each whole before it gets its name. */
export async function deliver(
  transport: Transport,
  loads: readonly Load[],
  options: {
    facts: Pick<NodeFacts, 'root' | 'freeBytes' | 'gzip'>;
    client: string;
    onProgress: (fraction: number) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const { facts, client, onProgress, signal } = options;
  const opening = openStages(transport, loads, client, signal);
  // Asked for after the stages: a host that allows one session at a time gives it to them.
  const shipments = loads.map((load) => ({ load, stage: stageOf(load, client) }));
  const sender = new ParcelSender(transport, shipments, signal);
  try {
    const [{ stages, slow }, plain] = await Promise.all([opening, Promise.all(loads.map(makeParcel))]);
    const parcels = facts.gzip && slow ? await Promise.all(plain.map(packed)) : plain;
    needSpace(facts, parcels, transport);
    const total = parcels.reduce((sum, { size }) => sum + size, 0);
    await sender.send(parcels, stages, (sent) => onProgress(Math.min(1, sent / Math.max(1, total))));
  } finally {
    sender.close();
  }
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

function needSpace(
  facts: Pick<NodeFacts, 'root' | 'freeBytes'>,
  parcels: readonly Parcel[],
  transport: Transport,
): void {
  const bytes = parcels.reduce((sum, parcel) => sum + spaceFor(parcel), 0);
  if (facts.freeBytes < bytes)
    throw new BiphaseError(
      'full',
      `${facts.root} on ${transport.description} has ${megabytes(facts.freeBytes)} free and needs ${megabytes(bytes)}.`,
      { next: 'Free space there, or set another root for this node.' },
    );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
