import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { BiphaseError } from '../../core/errors.ts';

const bundleListSchema = z.object({
  schema: z.literal(1),
  version: z.string(),
  hashes: z.record(z.string(), z.string()),
  files: z.record(z.string(), z.string()),
});

/** The files that travel to a node, as the build left them in `dist/bundle/`. */
export interface Bundle {
  folder: string;
  version: string;
  /** Hash of the bundle for `<os>-<arch>[-<libc>]` (`linux-x64-gnu`, `darwin-arm64`); `missing` where none is built. */
  hashFor(platform: string): string;
  /** Paths (with `/`) and SHA-256 of the portable part and that platform's native part, bundle.json last. */
  filesFor(platform: string): { path: string; sha256: string | null }[];
}

/** Reads bundle.json of a built bundle. */
export function openBundle(folder: string): Bundle {
  const listFile = path.join(folder, 'bundle.json');
  let list: z.infer<typeof bundleListSchema>;
  try {
    list = bundleListSchema.parse(JSON.parse(fs.readFileSync(listFile, 'utf8')));
  } catch (cause) {
    throw new BiphaseError('missing', `The bundle for nodes is not readable at ${listFile}.`, {
      next: 'Install the extension again.',
      cause,
    });
  }
  return {
    folder,
    version: list.version,
    hashFor(platform) {
      const hash = list.hashes[platform];
      if (!hash)
        throw new BiphaseError('missing', `Biphase has no bundle for ${platform}.`, {
          next: `Use a machine of another kind: ${Object.keys(list.hashes).join(', ')}.`,
        });
      return hash;
    },
    filesFor(platform) {
      const files = Object.entries(list.files)
        .filter(([file]) => !file.startsWith('native/') || file.startsWith(`native/${platform}/`))
        .map(([file, sha256]) => ({ path: file, sha256 }));
      return [...files, { path: 'bundle.json', sha256: null }];
    },
  };
}
