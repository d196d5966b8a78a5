import fs from 'node:fs';
import os from 'node:os';
import { toBiphaseError } from '../../core/errors.ts';
import { homePath } from '../../core/homePath.ts';
import { localPath } from '../../core/localPaths.ts';
import { printable } from '../../core/printable.ts';
import { stagedHash, stagedPlace } from '../../core/stagedSource.ts';
import type { AgentLink } from '../nodes/agentLink.ts';

/** One sentence where `data.source` names a file or folder that is not there; null where it may be. */
export async function whyNoData(source: string, node: string, link: AgentLink): Promise<string | null> {
  if (/^(world|hub:)/.test(source)) return null;
  const local = localPath(source);
  if (local !== undefined)
    return fs.existsSync(homePath(local, os.homedir()))
      ? null
      : `This computer has no ${printable(local)}. Correct "data.source", or put the text there.`;
  const staged = stagedHash(source);
  try {
    await link.call('list', { path: staged ? `${link.hello.root}/${stagedPlace(staged)}` : source });
    return null;
  } catch (thrown) {
    // `usage`: it is a file.
    if (toBiphaseError(thrown).kind !== 'missing') return null;
    return `${node} has no ${printable(source)}. Correct "data.source", or put the text there.`;
  }
}
