import { createHash } from 'node:crypto';
import path from 'node:path';
import { checkpointName, copiedCheckpoint } from '../../core/checkpointName.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { ParamsOf, ResultOf } from '../../protocol/contract.ts';
import type { ControlMethods, TransferProgress } from '../../protocol/controlApi.ts';
import type { FileList } from '../../protocol/fileList.ts';
import { checkpointFiles, runFiles } from '../../protocol/runDirectory.ts';
import type { NodeManager } from '../nodes/nodeManager.ts';
import type { RunCatalog } from '../runs/runCatalog.ts';
import { copyToNode } from './copyToNode.ts';
import { persevere } from './persevere.ts';
import { parcelOf } from './placeFile.ts';
import { receiveFolder } from './receiveFolder.ts';
import {
  listRemoteCheckpoint,
  type RemoteCheckpoint,
  readRemoteFile,
  remoteParcel,
} from './remoteCheckpoint.ts';
import type { Tell, TransferDesk } from './transferDesk.ts';

type Wish = ParamsOf<ControlMethods, 'copyCheckpoint'>;
interface Work {
  signal: AbortSignal;
  tell: Tell;
}

/** Copies checkpoints from their nodes to this machine and to other nodes; all bytes come through here. */
export class CheckpointCopies {
  readonly #desk: TransferDesk;
  readonly #nodes: NodeManager;
  readonly #catalog: RunCatalog;

  constructor(desk: TransferDesk, nodes: NodeManager, catalog: RunCatalog) {
    this.#desk = desk;
    this.#nodes = nodes;
    this.#catalog = catalog;
  }

  copy(
    wish: Wish,
    listener: (progress: TransferProgress) => void,
  ): Promise<ResultOf<ControlMethods, 'copyCheckpoint'>> {
    const { run, step, to, transfer } = wish;
    const known = this.#catalog.get(run);
    if (!known) throw new BiphaseError('missing', `There is no run ${run}.`);
    if ('folder' in to && !path.isAbsolute(to.folder))
      throw new BiphaseError('usage', `${to.folder} is not an absolute path.`);
    return this.#desk.run(transfer, listener, async (work) => {
      const from = this.#nodes.get(known.node);
      work.tell({ doing: `reading the checkpoint on ${from.config.name}`, done: 0, total: 0 });
      const checkpoint = await persevere(() => listRemoteCheckpoint(from, run, step), work.signal);
      const place =
        'folder' in to
          ? await this.#toFolder(checkpoint, path.join(to.folder, checkpointName(run, step)), work)
          : await this.#toNode(checkpoint, to.node, work);
      return { place };
    });
  }

  async #toFolder(checkpoint: RemoteCheckpoint, place: string, { signal, tell }: Work): Promise<string> {
    const doing = `copying the checkpoint from ${checkpoint.node.config.name}`;
    await this.#desk.alone(`\0${place}`, signal, () =>
      persevere(
        (reached) =>
          receiveFolder(place, checkpoint.files, {
            read: (file, from) => readRemoteFile(checkpoint, file, from),
            last: checkpointFiles.done,
            signal,
            onBytes: (done, total) => {
              reached(done);
              tell({ doing, done, total });
            },
          }),
        signal,
      ),
    );
    return place;
  }

  async #toNode(checkpoint: RemoteCheckpoint, name: string, { signal, tell }: Work): Promise<string> {
    const { node, link } = await this.#nodes.use(name);
    const { run, step, files } = checkpoint;
    const source = (await checkpoint.node.use()).hello;
    // One root seen from two nodes: what is there is found there.
    if (link.hello.rootId === source.rootId)
      return `${link.hello.root}/runs/${run}/${runFiles.checkpoint(step)}`;
    const parcels = files.map((file) => ({ path: file.path, parcel: remoteParcel(checkpoint, file) }));
    const list = Buffer.from(`${JSON.stringify({ schema: 1, files } satisfies FileList)}\n`);
    const hash = createHash('sha256').update(list).digest('hex');
    // A run that was resumed from further back may have written the step anew: then the copy is another one.
    const mark = `copied-${hash.slice(0, 16)}.json`;
    const load = {
      place: copiedCheckpoint(run, step),
      files: [
        ...parcels.filter((file) => file.path !== checkpointFiles.done),
        { path: mark, parcel: parcelOf(list, hash, '600') },
      ],
      last: parcels.find((file) => file.path === checkpointFiles.done)!,
      mark,
    };
    const doing = `copying the checkpoint from ${checkpoint.node.config.name} to ${node.config.name}`;
    return this.#desk.alone(`${node.config.name}\0${load.place}`, signal, () =>
      copyToNode(node, load, { signal, onBytes: (done, total) => tell({ doing, done, total }) }),
    );
  }
}
