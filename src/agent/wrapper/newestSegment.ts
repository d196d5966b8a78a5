import path from 'node:path';
import { exitSchema, runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';
import { readJson } from '../files.ts';

/** The newest segment that was ever started here, −1 for none. */
export function newestSegment(runDirectory: string): number {
  const state = readJson(path.join(runDirectory, runFiles.state), wrapperStateSchema);
  const exit = readJson(path.join(runDirectory, runFiles.exit), exitSchema);
  return Math.max(state?.segment ?? -1, exit?.segment ?? -1);
}
