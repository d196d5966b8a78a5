import fs from 'node:fs';
import path from 'node:path';
import { runFiles } from '../../src/protocol/runDirectory.ts';

interface RunFolder {
  name?: string;
  /** `running`: its processes are `process`. */
  state: 'stopped' | 'finished' | 'running';
  /** Of complete checkpoints. */
  steps?: readonly number[];
  checkpointBytes?: number;
  file?: Record<string, unknown>;
  machine?: { host: string; bootId: string };
  process?: { pid: number; startTime: string };
}

/** Writes a run's directory as its programs leave it, without training. */
export function writeRunFolder(root: string, run: string, options: RunFolder): string {
  const { name = 'test', state, steps = [], checkpointBytes = 5000, file = {} } = options;
  const { machine = { host: 'gone', bootId: 'gone' }, process = { pid: 1, startTime: 'gone' } } = options;
  const directory = path.join(root, 'runs', run);
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const put = (place: string, content: unknown): void =>
    fs.writeFileSync(path.join(directory, place), `${JSON.stringify(content)}\n`);
  const createdAt = 1735689600;
  put(runFiles.spec, { schema: 1, id: run, name, kind: 'pretrain', createdAt, bundle: 'named', file });
  put(runFiles.state, {
    schema: 1,
    segment: 0,
    ...machine,
    wrapper: process,
    trainer: process,
    bundle: 'named',
    startedAt: createdAt,
  });
  if (state !== 'running') {
    const code = state === 'finished' ? 0 : 3;
    put(runFiles.exit, { schema: 1, segment: 0, code, signal: null, endedAt: createdAt + 1 });
  }
  for (const step of steps) {
    const checkpoint = path.join(directory, runFiles.checkpoint(step));
    fs.mkdirSync(checkpoint, { recursive: true });
    fs.writeFileSync(path.join(checkpoint, 'model.safetensors'), Buffer.alloc(checkpointBytes, 1));
    fs.writeFileSync(path.join(checkpoint, 'DONE'), '');
  }
  return directory;
}
