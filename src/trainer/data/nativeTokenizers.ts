import { createRequire } from 'node:module';
import type * as tokenizers from 'tokenizers';
import { BiphaseError } from '../../core/errors.ts';
import { platformName } from '../../core/platformName.ts';
import { findNativePart } from '../nativePart.ts';

export type NativeTokenizers = Pick<typeof tokenizers, 'Tokenizer'>;

let loaded: NativeTokenizers | undefined;

/**
 * The Rust tokenizer library for this machine.
 * @throws BiphaseError `missing`
 */
export function nativeTokenizers(): NativeTokenizers {
  if (loaded) return loaded;
  const file = findNativePart({
    file: 'tokenizers.node',
    package: 'tokenizers',
    installed: (platform) => `tokenizers.${platform}.node`,
  });
  if (!file)
    throw new BiphaseError('missing', `The bundle has no tokenizer library for ${platformName()}.`, {
      next: 'Build the bundle again on a machine with all its native parts.',
    });
  loaded = createRequire(import.meta.url)(file) as NativeTokenizers;
  return loaded;
}
