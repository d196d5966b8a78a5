import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type HubDataset, hubDatasetSchema } from './hubDataset.ts';
import { type HubAccess, hubAccess } from './hubFetch.ts';
import { type HubName, isHubName, parseHubName } from './hubName.ts';

/**
 * What a name on the hub was resolved to, kept below the cache: all runs of a root read the same commit, and a node
 * without internet reads what was prepared for it.
 */
export class HubMemo {
  readonly #file: string;

  constructor(cache: string, name: HubName, access: HubAccess) {
    const key = createHash('sha256')
      .update(JSON.stringify([access.endpoint, name]))
      .digest('hex')
      .slice(0, 32);
    this.#file = path.join(cache, 'hub', `${key}.json`);
  }

  read(): HubDataset | undefined {
    try {
      return hubDatasetSchema.parse(JSON.parse(fs.readFileSync(this.#file, 'utf8')));
    } catch {
      return undefined;
    }
  }

  write(dataset: HubDataset): void {
    fs.mkdirSync(path.dirname(this.#file), { recursive: true });
    const temporary = `${this.#file}.${process.pid}.tmp`;
    fs.writeFileSync(temporary, `${JSON.stringify(dataset)}\n`, { flush: true });
    fs.renameSync(temporary, this.#file);
  }

  forget(): void {
    fs.rmSync(this.#file, { force: true });
  }
}

/** The next reader of a name on the hub asks for its commit again; any other source has nothing to forget. */
export function forgetHubName(source: string, cache: string): void {
  if (isHubName(source)) new HubMemo(cache, parseHubName(source), hubAccess()).forget();
}
