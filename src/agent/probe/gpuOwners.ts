import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { GpuOwner } from '../../protocol/agentApi.ts';
import { runFiles, wrapperStateSchema } from '../../protocol/runDirectory.ts';
import { readJson } from '../files.ts';
import type { NodeRoot } from '../nodeRoot.ts';
import { livesHere, type ProcessTable, parseSession } from '../processTable.ts';
import { askTool, textOf } from './gpuTool.ts';
import type { GpuProcess } from './seenGpu.ts';

/** Whose the processes on GPUs are: the user, and the run under this root. GPU tools are for Linux, and so is this. */
export class GpuOwners {
  readonly #trainers: ReadonlyMap<number, string>;
  readonly #users = new Map<number, Promise<string>>();

  constructor(root: NodeRoot, table: ProcessTable) {
    this.#trainers = livingTrainers(root, table);
  }

  async of({ pid, memoryMiB }: GpuProcess): Promise<GpuOwner> {
    const run = this.#trainers.get(pid) ?? this.#trainers.get(sessionOf(pid) ?? pid) ?? null;
    return { pid, memoryMiB, user: await this.#userOf(pid), run };
  }

  async #userOf(pid: number): Promise<string | null> {
    const uid = uidOf(pid);
    if (uid === null) return null;
    const known = this.#users.get(uid) ?? userName(uid);
    this.#users.set(uid, known);
    return known;
  }
}

/** Process number of each trainer that lives → its run. */
function livingTrainers(root: NodeRoot, table: ProcessTable): Map<number, string> {
  const found = new Map<number, string>();
  for (const run of root.runIds()) {
    const state = readJson(path.join(root.runDirectory(run), runFiles.state), wrapperStateSchema);
    if (state && livesHere(table, state, state.trainer)) found.set(state.trainer.pid, run);
  }
  return found;
}

/** A trainer leads a session of its own: what it starts belongs to it. */
function sessionOf(pid: number): number | null {
  try {
    return parseSession(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** Null where the process is gone, or hidden. */
function uidOf(pid: number): number | null {
  try {
    return fs.statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
}

/** Asks the system's directory of users, which need not be a file. */
async function userName(uid: number): Promise<string> {
  const own = os.userInfo();
  if (own.uid === uid) return own.username;
  const line = textOf(await askTool('getent', ['passwd', String(uid)]));
  return line?.split(':')[0] || `user ${uid}`;
}
