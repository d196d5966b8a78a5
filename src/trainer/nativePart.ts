import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformName } from '../core/platformName.ts';

/** A part of the bundle that is compiled for one platform. */
export interface NativePart {
  /** Its name in `native/<os-arch-libc>/`. */
  file: string;
  /** Where a checkout has it: a package, and the path within it for this platform. */
  package: string;
  installed(platform: string): string;
}

/** Beside the bundle, in `bundle/` beside the command line, or in the checkout's node_modules. */
export function findNativePart(part: NativePart): string | undefined {
  const platform = platformName();
  const here = path.dirname(fileURLToPath(import.meta.url));
  const native = path.join('native', platform, part.file);
  const candidates = [path.join(here, native), path.join(here, 'bundle', native)];
  try {
    const installed = createRequire(import.meta.url).resolve(`${part.package}/package.json`);
    candidates.push(path.join(path.dirname(installed), part.installed(platform)));
  } catch {
    // Not a checkout.
  }
  return candidates.find((candidate) => fs.existsSync(candidate));
}
