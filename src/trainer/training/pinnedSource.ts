import fs from 'node:fs';
import path from 'node:path';
import { runFiles } from '../../protocol/runDirectory.ts';
import { begunSegments } from './segments.ts';

/** The source that a run's first segment read, a hub's revision as its commit; undefined for a run that begins. */
export function pinnedSource(runFolder: string): string | undefined {
  const [first] = begunSegments(runFolder);
  if (first === undefined) return undefined;
  try {
    const resolved = JSON.parse(fs.readFileSync(path.join(runFolder, runFiles.resolved(first)), 'utf8'));
    return typeof resolved.data?.source === 'string' ? resolved.data.source : undefined;
  } catch {
    return undefined;
  }
}
