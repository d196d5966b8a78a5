import { BiphaseError } from '../../core/errors.ts';
import { formatBytesAlike } from '../../core/numberFormat.ts';
import type { AgentLink } from '../nodes/agentLink.ts';
import { runScript } from '../nodes/bootstrap/remoteScript.ts';
import type { ManagedNode } from '../nodes/managedNode.ts';
import type { Transport } from '../nodes/transport.ts';
import { persevere } from './persevere.ts';
import { CopyProgress, type FolderLoad, placeFolder, stageOf } from './placeFolder.ts';
import type { Unpacker } from './placePacks.ts';

/** Files that travel at the same time: each waits for the node at its beginning and its end. */
const lanes = 3;

/** Parameters: folder, mark, what its copy has grown in. Prints `there`, or the KiB free and those of a half copy, as far as it has the tools. */
const placeScript = `
if [ -e "$1/$2" ]; then echo there; exit 0; fi
shift 2
parent=\${1%/*}
while [ ! -d "$parent" ]; do parent=\${parent%/*}; done
df -Pk "$parent/" 2>/dev/null | awk 'NR==2 {print "free", $4}'
du -sk "$@" 2>/dev/null | awk '{sum += $1} END {print "grown", sum + 0}'
`;

/** A folder to bring below the root of a node. */
export interface NodeLoad extends Omit<FolderLoad, 'folder'> {
  /** Below the root, with slashes. */
  place: string;
}

/**
 * Brings a folder below a node's root, unless it is there. A connection that is lost meanwhile is waited for, and the copy
 * goes on where it was.
 * @returns its absolute path on the node
 * @throws BiphaseError `full` before anything is sent where the disk has too little space; `unreachable` where the node stays away
 */
export async function copyToNode(
  node: ManagedNode,
  load: NodeLoad,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (done: number, total: number) => void },
): Promise<string> {
  return persevere(async (reached) => {
    const { link, transport } = await node.useTransport();
    const folder = `${link.hello.root}/${load.place}`;
    const progress = new CopyProgress((done, total) => {
      reached(done);
      onBytes(done, total);
    });
    const whole = { ...load, folder };
    progress.expect(whole);
    if (!(await isThere(transport, whole, progress.total, signal)))
      await placeFolder(transport, whole, { progress, signal, lanes, unpacker: unpackerOf(link) });
    return folder;
  }, signal);
}

/** The agent takes packs apart. */
function unpackerOf(link: AgentLink): Unpacker {
  return {
    unpacked: async (parts) => new Set((await link.call('unpacked', { parts })).packs),
    unpack: async (request) => {
      await link.call('unpack', request);
    },
  };
}

async function isThere(
  transport: Transport,
  { folder, mark }: FolderLoad,
  bytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { stage, parts } = stageOf(folder);
  const { stdout } = await runScript(transport, placeScript, [folder, mark, stage, parts], signal);
  if (/^there$/m.test(stdout)) return true;
  const kibibytes = (what: string): number | undefined => {
    const digits = new RegExp(`^${what} (\\d+)$`, 'm').exec(stdout)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
  const free = (kibibytes('free') ?? Number.POSITIVE_INFINITY) * 1024;
  const missing = bytes - (kibibytes('grown') ?? 0) * 1024;
  if (free < missing) {
    const [needed, there] = formatBytesAlike([missing, free]);
    throw new BiphaseError(
      'full',
      `The copy needs ${needed}, and ${transport.description} has ${there} free.`,
      {
        next: 'Free space there, or set another root for this node.',
      },
    );
  }
  return false;
}
