import { localPath } from '../../core/localPaths.ts';
import type { TransferProgress } from '../../protocol/controlApi.ts';
import type { Staged } from '../../protocol/runDirectory.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import { HashMemo } from './hashMemo.ts';
import { stageCorpus } from './stageCorpus.ts';
import type { TransferDesk } from './transferDesk.ts';

/** Brings the data of launches to their nodes. */
export class Staging {
  readonly #desk: TransferDesk;
  readonly #memo: HashMemo;

  /** `memo`: file of the hashes of what was copied. */
  constructor(desk: TransferDesk, memo: string) {
    this.#desk = desk;
    this.#memo = new HashMemo(memo);
  }

  /** Undefined where nothing needs to be copied: other sources, and this computer, which reads its files in place. */
  async stage(
    source: string,
    node: ManagedNode,
    transfer: string,
    listener: (progress: TransferProgress) => void,
  ): Promise<Staged | undefined> {
    if (localPath(source) === undefined || node.config.kind === 'local') return undefined;
    return this.#desk.run(transfer, listener, ({ signal, tell }) =>
      stageCorpus(source, node, { memo: this.#memo, desk: this.#desk, signal, tell }),
    );
  }
}
