import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as tokenizers from 'tokenizers';
import { BiphaseError } from '../../core/errors.ts';

export type NativeTokenizers = Pick<typeof tokenizers, 'Tokenizer'>;

let loaded: NativeTokenizers | undefined;

/** `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64` …: the folder below `native/` that fits this process. */
export function nativePlatform(): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  // Only a glibc process reports a glibc version.
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  return `linux-${process.arch}-${header?.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

/** The binding lies beside the bundle, in `bundle/` beside the command line, or in the checkout's node_modules. */
function candidates(platform: string): string[] {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const native = path.join('native', platform, 'tokenizers.node');
  const found = [path.join(here, native), path.join(here, 'bundle', native)];
  try {
    const installed = createRequire(import.meta.url).resolve('tokenizers/package.json');
    found.push(path.join(path.dirname(installed), `tokenizers.${platform}.node`));
  } catch {
    // Not a checkout.
  }
  return found;
}

/**
 * The Rust tokenizer library for this machine.
 * @throws BiphaseError `missing`
 */
export function nativeTokenizers(): NativeTokenizers {
  if (loaded) return loaded;
  const platform = nativePlatform();
  const file = candidates(platform).find((candidate) => fs.existsSync(candidate));
  if (!file)
    throw new BiphaseError('missing', `The bundle has no tokenizer library for ${platform}.`, {
      next: 'Build the bundle again on a machine with all its native parts.',
    });
  loaded = createRequire(import.meta.url)(file) as NativeTokenizers;
  return loaded;
}
