import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { makeFolder } from '../../core/makeFolder.ts';
import { checkpointFiles } from '../../protocol/runDirectory.ts';
import {
  readSpecialTokens,
  readTransformersConfig,
  type WeightFormat,
  writeTransformersFolder,
} from './transformersFolder.ts';
import { WeightFolder } from './weightFolder.ts';

/**
 * Copies a checkpoint or any other model folder into a new folder in another format, a piece of one tensor in memory at a time.
 * The tokenizer goes with it; the trainer's state stays behind.
 * @throws BiphaseError `usage` where the target exists, `missing`, `damaged`
 */
export async function exportFolder(source: string, target: string, format: WeightFormat): Promise<void> {
  const config = await readTransformersConfig(source);
  const weights = await WeightFolder.open(source, config);
  try {
    if (fs.existsSync(target)) throw new BiphaseError('usage', `${target} exists already.`);
    makeFolder(path.dirname(target), 0o777);
    // In place by one rename, so that a folder of that name is a whole one.
    const temporary = fs.mkdtempSync(`${target}.tmp-`);
    try {
      const tokens = await readSpecialTokens(source);
      await writeTransformersFolder(
        temporary,
        config,
        (name, range) => weights.read(name, range),
        tokens,
        format,
      );
      for (const name of [checkpointFiles.tokenizer, checkpointFiles.tokenizerConfig])
        if (fs.existsSync(path.join(source, name)))
          fs.copyFileSync(path.join(source, name), path.join(temporary, name));
      fs.renameSync(temporary, target);
    } catch (error) {
      fs.rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  } finally {
    await weights.close();
  }
}
