import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { runFiles } from '../protocol/runDirectory.ts';
import { createWhole, hasCode, readJson, writeByRename } from './files.ts';

type Request = typeof runFiles.stopRequest | typeof runFiles.killRequest;

const requestSchema = z.looseObject({
  by: z.enum(['person', 'signal']),
  /** The segment that is meant, where it has not begun: its start leaves the request in place. */
  segment: z.number().optional(),
});

/** Creates a request file; false when it was there. Never creates the run directory itself. */
export function createRequest(runDirectory: string, request: Request, by: 'person' | 'signal'): boolean {
  return createWhole(
    preparedFile(runDirectory, request),
    `${JSON.stringify({ by, at: Date.now() / 1000 })}\n`,
  );
}

/** Asks a person's stop of a segment that is about to begin; what was asked of one before it is forgotten. */
export function stopComing(runDirectory: string, segment: number): void {
  const file = preparedFile(runDirectory, runFiles.stopRequest);
  writeByRename(file, `${JSON.stringify({ by: 'person', at: Date.now() / 1000, segment })}\n`);
}

/** Whether a stop was asked of this segment before it began. */
export function isStopped(runDirectory: string, segment: number): boolean {
  return readJson(path.join(runDirectory, runFiles.stopRequest), requestSchema)?.segment === segment;
}

function preparedFile(runDirectory: string, request: Request): string {
  const file = path.join(runDirectory, request);
  try {
    fs.mkdirSync(path.dirname(file), { mode: 0o700 });
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown;
  }
  return file;
}

export function hasRequest(runDirectory: string, request: Request): boolean {
  return fs.existsSync(path.join(runDirectory, request));
}

/** Who asked; null where nobody did, or it cannot be read. */
export function requestedBy(runDirectory: string, request: Request): 'person' | 'signal' | null {
  return readJson(path.join(runDirectory, request), requestSchema)?.by ?? null;
}

/** What was asked of segments before this one is forgotten. */
export function withdrawRequests(runDirectory: string, segment: number): void {
  const kept = isStopped(runDirectory, segment) ? runFiles.stopRequest : undefined;
  for (const request of [runFiles.stopRequest, runFiles.killRequest])
    if (request !== kept) fs.rmSync(path.join(runDirectory, request), { force: true });
}
