import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import { clientName } from '../nodes/bootstrap/clientName.ts';
import { runScript } from '../nodes/bootstrap/remoteScript.ts';
import type { Transport } from '../nodes/transport.ts';
import { batchesOf, type Delivery, type FileParcel, placeFiles } from './placeFile.ts';
import { type FolderFile, placePacks, splitIntoPacks, type Unpacker } from './placePacks.ts';

/** Files that appear together under one folder, by one rename. */
export interface FolderLoad {
  /** Absolute, on the node. */
  folder: string;
  files: FolderFile[];
  /** Sent when all others are there and `confirm` had nothing against it. */
  last?: FolderFile;
  confirm?: () => Promise<void>;
  /** A file that a whole folder has: one without it is replaced. */
  mark: string;
}

/** Parameters: folders to make. One that is there is touched: the agent deletes what was at rest for long. */
const makeScript = 'umask 077; for d; do mkdir -p "$d" && touch "$d" || exit 1; done';

/**
 * Gives a complete stage its name. Another client may have been first: then its folder, which holds the same bytes,
 * stays (and a stage that \`mv\` put inside it is removed). Parameters: stage, parts, folder, mark.
 */
const nameScript = `
umask 077
rm -rf "$2"
if [ -d "$3" ] && [ ! -e "$3/$4" ]; then rm -rf "$3"; fi
if [ ! -d "$3" ]; then mv "$1" "$3" 2>/dev/null || [ -d "$3" ] || exit 1; fi
rm -rf "$1" "$3/\${1##*/}"
`;

/**
 * Copies a folder that is not there yet; what an earlier attempt brought is kept. `lanes`: files at the same time;
 * `unpacker`: small files may travel together.
 */
export async function placeFolder(
  transport: Transport,
  load: FolderLoad,
  options: {
    client?: string;
    progress: CopyProgress;
    signal: AbortSignal;
    lanes?: number;
    unpacker?: Unpacker;
  },
): Promise<void> {
  const { client = clientName(), progress, signal, lanes = 1, unpacker } = options;
  const { stage, parts } = stageOf(load.folder, client);
  const inner = [...load.files, ...(load.last ? [load.last] : [])].map((each) =>
    path.posix.dirname(each.path),
  );
  const folders = [...new Set(inner)].map((each) => `${stage}/${each}`);
  for (const batch of batchesOf([parts, ...folders], (folder) => [folder])) {
    const made = await runScript(transport, makeScript, batch, signal);
    if (made.code !== 0)
      throw new BiphaseError('refused', `${stage} cannot be made on ${transport.description}.`, {
        next: 'Check the free space and rights of the root.',
      });
  }
  const delivery = ({ path: name, parcel }: FolderFile, index: number): Delivery => ({
    parcel,
    target: `${stage}/${name}`,
    part: `${parts}/${parcel.id}-${index}.part`,
    onBytes: progress.of(parcel),
  });
  const { packs, single } = unpacker ? splitIntoPacks(load.files) : { packs: [], single: load.files };
  await placeFiles(transport, single.map(delivery), { signal, lanes });
  const onBytes = (pack: FileParcel) => progress.of(pack);
  if (unpacker) await placePacks(transport, packs, { stage, parts, unpacker, signal, onBytes });
  await load.confirm?.();
  if (load.last) await placeFiles(transport, [delivery(load.last, load.files.length)], { signal });
  const parameters = [stage, parts, load.folder, load.mark];
  const named = await runScript(transport, nameScript, parameters, signal);
  if (named.code !== 0)
    throw new BiphaseError('refused', `${load.folder} cannot be written on ${transport.description}.`);
}

/** Where a folder grows until it is whole. */
export function stageOf(folder: string, client = clientName()): { stage: string; parts: string } {
  const base = `${path.posix.dirname(folder)}/.${path.posix.basename(folder)}.${client}`;
  return { stage: `${base}.stage`, parts: `${base}.parts` };
}

/** Bytes of several files as one sum. */
export class CopyProgress {
  #total = 0;
  #done = 0;
  readonly #report: (done: number, total: number) => void;

  constructor(report: (done: number, total: number) => void) {
    this.#report = report;
  }

  get total(): number {
    return this.#total;
  }

  /** Adds what a folder brings, before it travels. */
  expect({ files, last }: FolderLoad): void {
    for (const { parcel } of [...files, ...(last ? [last] : [])]) this.#total += parcel.size;
  }

  /** Takes how much of a parcel is there; a second attempt may begin with less. */
  of(parcel: FileParcel): (sent: number) => void {
    let before = 0;
    return (sent) => {
      this.#done += Math.min(sent, parcel.size) - before;
      before = Math.min(sent, parcel.size);
      this.#report(this.#done, this.#total);
    };
  }
}
