import path from 'node:path';
import { BiphaseError } from '../../../core/errors.ts';
import type { PrepareContext, PreparedNode, Transport } from '../transport.ts';
import { localNodeBinary, nodeCacheFolder } from './fetchNode.ts';
import { linkIsSlow } from './linkRate.ts';
import { askNode, type NodeFacts } from './nodeFacts.ts';
import { type NodeRelease, nodeReleases, oldestGlibc, oldestNodeMajor } from './nodeRelease.ts';
import { packFile, spaceFor } from './placeFile.ts';
import { CopyProgress, clientName, type FolderLoad, placeFolder } from './placeFolder.ts';

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

  const loads: FolderLoad[] = [];
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
    loads.push({ folder, files: [{ path: 'bin/node', parcel }], mark: 'bin/node', program: 'bin/node' });
    findings.push(`Node ${release.version} was copied to ${folder}.`);
  }
  const bundleFolder = `${facts.root}/bundles/${hash}`;
  if (facts.bundles.includes(hash)) findings.push(`The bundle ${hash} is there.`);
  else {
    const files = [];
    for (const { path: name } of bundle.filesFor(facts.platform))
      files.push({ path: name, parcel: await packFile(path.join(bundle.folder, name), await pack(), '600') });
    loads.push({ folder: bundleFolder, files, mark: 'bundle.json' });
    findings.push(`The bundle ${hash} was copied to ${bundleFolder}.`);
  }
  needSpace(facts, loads, transport);
  const progress = new CopyProgress((done, total) => context.onProgress(total === 0 ? 1 : done / total));
  for (const load of loads) progress.expect(load);
  for (const load of loads) await placeFolder(transport, load, { client, progress, signal });
  return {
    agentArgv: [nodePath!, `${bundleFolder}/biphase.mjs`, 'agent', '--root', facts.root],
    bundle: hash,
    findings,
  };
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

function needSpace(facts: NodeFacts, loads: FolderLoad[], transport: Transport): void {
  const bytes = loads.flatMap((load) => load.files).reduce((sum, { parcel }) => sum + spaceFor(parcel), 0);
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
