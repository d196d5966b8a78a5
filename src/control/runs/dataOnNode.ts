import fs from 'node:fs';
import os from 'node:os';
import { toBiphaseError } from '../../core/errors.ts';
import { absoluteLocalPath, localPath } from '../../core/localPaths.ts';
import { printable } from '../../core/printable.ts';
import { stagedHash, stagedPlace } from '../../core/stagedSource.ts';
import type { AgentLink } from '../nodes/agentLink.ts';

/** One sentence where `data.source` names a file or folder that is not there; null where it may be. */
export async function whyNoData(source: string, node: string, link: AgentLink): Promise<string | null> {
  if (/^(world|hub:)/.test(source)) return null;
  if (localPath(source) !== undefined) return whyNoLocalData(source);
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

function whyNoLocalData(source: string): string | null {
  try {
    const place = absoluteLocalPath(source, os.homedir()) ?? source;
    if (fs.existsSync(place)) return null;
    return `This computer has no ${printable(place)}. Correct "data.source", or put the text there.`;
  } catch (thrown) {
    const { message, next } = toBiphaseError(thrown);
    return printable(next === undefined ? message : `${message} ${next}`);
  }
}
