import fs from 'node:fs';
import os from 'node:os';
import type { Probe } from '../../protocol/agentApi.ts';
import { ownDetachment } from '../detachment.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { findGpus } from './gpus.ts';
import { logoutWarning } from './logoutRule.ts';

const littleDiskBytes = 5 * 1024 ** 3;
const fewInodes = 10_000;

/** What this node has and how busy it is; bytes as a container's limits allow them. */
export async function probeNode(root: NodeRoot, table: ProcessTable): Promise<Probe> {
  root.prepare();
  const { gpus, warnings: gpuWarnings } = await findGpus(root, table);
  const disk = fs.statfsSync(root.path);
  const diskFreeBytes = disk.bavail * disk.bsize;
  const limit = process.constrainedMemory();
  const warnings = [
    ...gpuWarnings,
    logoutWarning(ownDetachment().length > 0),
    diskWarning(root.path, diskFreeBytes, disk),
  ];
  return {
    cores: os.availableParallelism(),
    load: os.loadavg()[0]!,
    memoryTotalBytes: limit > 0 ? Math.min(os.totalmem(), limit) : os.totalmem(),
    memoryFreeBytes: process.availableMemory(),
    diskFreeBytes,
    gpus,
    warnings: warnings.filter((warning) => warning !== undefined),
  };
}

function diskWarning(folder: string, freeBytes: number, disk: fs.StatsFs): string | undefined {
  if (freeBytes < littleDiskBytes)
    return `Only ${(freeBytes / 1024 ** 3).toFixed(1)} GiB are free for ${folder}.`;
  // Some file systems count no files at all and say 0 of 0.
  if (disk.files > 0 && disk.ffree < fewInodes) return `Only ${disk.ffree} more files fit into ${folder}.`;
  return undefined;
}
