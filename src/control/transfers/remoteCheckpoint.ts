import { BiphaseError } from '../../core/errors.ts';
import type { ListedFile } from '../../protocol/fileList.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import type { FileParcel } from './placeFile.ts';

const sliceBytes = 1 << 20;
/** Slices asked for before the first has come: a round trip costs nothing then. */
const slicesAhead = 4;

/** A complete checkpoint on the node of its run. */
export interface RemoteCheckpoint {
  node: ManagedNode;
  run: string;
  step: number;
  files: ListedFile[];
}

/**
 * Asks the node what a checkpoint holds.
 * @throws BiphaseError `missing`; `refused` for names that no checkpoint has: they become names on another machine
 */
export async function listRemoteCheckpoint(
  node: ManagedNode,
  run: string,
  step: number,
): Promise<RemoteCheckpoint> {
  const { files } = await (await node.use()).call('checkpoint', { run, step });
  const odd = files.find((file) => !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(file.path));
  const names = new Set(files.map((file) => file.path));
  if (odd || names.size !== files.length || !names.has(checkpointFiles.done))
    throw new BiphaseError(
      'refused',
      `The checkpoint of step ${step} on ${node.config.name} holds a file that no checkpoint has.`,
      { next: 'Look into its folder, and remove what is not of the trainer.' },
    );
  return { node, run, step, files };
}

/** Bytes of one of its files from an offset on. */
export async function* readRemoteFile(
  { node, run, step }: RemoteCheckpoint,
  file: ListedFile,
  from: number,
): AsyncGenerator<Buffer> {
  const slice = async (offset: number): Promise<Buffer> => {
    const link = await node.use();
    const length = Math.min(sliceBytes, file.bytes - offset);
    const name = `${runFiles.checkpoint(step)}/${file.path}`;
    const { value, binary } = await link.callWithBytes('read', { run, file: name, offset, length });
    if (value.size !== file.bytes || binary?.length !== length)
      throw new BiphaseError('refused', `The checkpoint of step ${step} changed while it was copied.`, {
        next: 'Copy it again.',
      });
    return Buffer.from(binary);
  };
  const asked: Promise<Buffer>[] = [];
  let next = from;
  const ask = (): void => {
    if (next >= file.bytes) return;
    const coming = slice(next);
    // Whoever waits for it hears of its failure; nobody does after an earlier one.
    coming.catch(() => undefined);
    asked.push(coming);
    next += sliceBytes;
  };
  for (let i = 0; i < slicesAhead; i++) ask();
  for (let coming = asked.shift(); coming; coming = asked.shift()) {
    const bytes = await coming;
    ask();
    yield bytes;
  }
}

/** One of its files, ready to travel to another node. */
export function remoteParcel(checkpoint: RemoteCheckpoint, file: ListedFile): FileParcel {
  return {
    size: file.bytes,
    read: (from) => readRemoteFile(checkpoint, file, from),
    sha256: file.sha256,
    id: file.sha256.slice(0, 16),
    mode: '600',
  };
}
