import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { runFiles } from '../protocol/runDirectory.ts';
import { createWhole, hasCode, readJson } from './files.ts';

const requestSchema = z.looseObject({ by: z.enum(['person', 'signal']) });

type Request = typeof runFiles.stopRequest | typeof runFiles.killRequest;

/** Creates a request file; false when it was there. Never creates the run directory itself. */
export function createRequest(runDirectory: string, request: Request, by: 'person' | 'signal'): boolean {
  const file = path.join(runDirectory, request);
  try {
    fs.mkdirSync(path.dirname(file), { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
  return createWhole(file, `${JSON.stringify({ by, at: Date.now() / 1000 })}\n`);
}

export function hasRequest(runDirectory: string, request: Request): boolean {
  return fs.existsSync(path.join(runDirectory, request));
}

/** Who asked; null where nobody did, or it cannot be read. */
export function requestedBy(runDirectory: string, request: Request): 'person' | 'signal' | null {
  return readJson(path.join(runDirectory, request), requestSchema)?.by ?? null;
}

/** Requests meant the segment that has ended. */
export function withdrawRequests(runDirectory: string): void {
  for (const request of [runFiles.stopRequest, runFiles.killRequest])
    fs.rmSync(path.join(runDirectory, request), { force: true });
}
