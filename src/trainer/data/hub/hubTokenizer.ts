import fs from 'node:fs';
import path from 'node:path';
import { downloadFile, modelInfo } from '@huggingface/hub';
import { BiphaseError } from '../../../core/errors.ts';
import { sha256 } from '../contentHash.ts';
import { hubAccess, hubFetch } from './hubFetch.ts';
import { parseHubName } from './hubName.ts';

/**
 * The tokenizer.json of a model on the hub, kept below the cache: it is asked for once a root.
 * @param name `hub:OWNER/NAME[@REVISION]`
 * @returns its path on this machine
 * @throws BiphaseError one sentence where the hub does not have it or does not answer
 */
export async function hubTokenizerFile(
  name: string,
  cache: string,
  signal: AbortSignal,
  access = hubAccess(),
): Promise<string> {
  const { repository, config, revision } = parseHubName(name);
  if (config !== null)
    throw new BiphaseError('usage', `"${name}" is not a model on the hub: hub:OWNER/NAME[@REVISION].`);
  const key = sha256(JSON.stringify([access.endpoint, repository, revision])).slice(0, 32);
  const file = path.join(cache, 'tokenizers', `hub-${key}.json`);
  if (fs.existsSync(file)) return file;
  const common = {
    hubUrl: access.endpoint,
    fetch: hubFetch({ access, what: `The model ${repository}`, signal }),
  };
  const { sha } = await modelInfo({ name: repository, revision, additionalFields: ['sha'], ...common });
  const repo = { type: 'model', name: repository } as const;
  const blob = await downloadFile({ repo, path: 'tokenizer.json', revision: sha, xet: false, ...common });
  if (!blob) throw new BiphaseError('usage', `The model ${repository} has no tokenizer.json on the hub.`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.part`;
  fs.writeFileSync(temporary, Buffer.from(await blob.arrayBuffer()), { flush: true });
  fs.renameSync(temporary, file);
  return file;
}
