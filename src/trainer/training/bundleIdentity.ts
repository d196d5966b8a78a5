import fs from 'node:fs';
import os from 'node:os';
import { platformName } from '../../core/platformName.ts';

/** Hash of the bundle that this program was started from; `dev` when run from source. */
export function bundleHash(): string {
  try {
    const list = JSON.parse(fs.readFileSync(new URL('./bundle.json', import.meta.url), 'utf8')) as {
      hashes?: Record<string, string>;
    };
    return list.hashes?.[platformName()] ?? 'dev';
  } catch {
    return 'dev';
  }
}

/** What the bits of a run depend on beside its file: recorded, and compared on resume. */
export interface MachineIdentity {
  bundle: string;
  arch: string;
  cpu: string;
  nodeVersion: string;
}

export function machineIdentity(): MachineIdentity {
  return {
    bundle: bundleHash(),
    arch: process.arch,
    cpu: os.cpus()[0]?.model ?? 'unknown',
    nodeVersion: process.version,
  };
}
