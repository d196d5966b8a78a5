import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import { sampleLink } from './linkRate.ts';
import type { Load } from './parcel.ts';
import { ownCode } from './remoteScript.ts';

/** A load's hidden folder on the node until the load is whole. */
export interface Stage {
  folder: string;
  /** Where the parcel arrives, and how many bytes of it an attempt before left there: packed, or as it is. */
  packed: { part: string; there: number };
  plain: { part: string; there: number };
}

/** Parameters: stage, packed part and plain part of each load. */
const stageScript = `
umask 077
while [ $# -gt 0 ]; do
  mkdir -p "$1" || exit 1
  for part in "$2" "$3"; do
    if [ -s "$part" ]; then wc -c < "$part"; else echo 0; fi
  done
  shift 3
done
echo end
cat > /dev/null
`;

/**
 * Makes the stages of loads, or finds those that an attempt before left; and sends a sample, to judge the link.
 * @param client names this machine, so that two clients never write one stage.
 */
export async function openStages(
  transport: Transport,
  loads: readonly Load[],
  client: string,
  signal: AbortSignal,
): Promise<{ stages: Stage[]; slow: boolean }> {
  const places = loads.map(({ folder, id }) => {
    const slash = folder.lastIndexOf('/');
    const stage = `${folder.slice(0, slash)}/.${folder.slice(slash + 1)}.${client}.stage`;
    return { stage, parts: [`${stage}/${id}.packed.part`, `${stage}/${id}.plain.part`] as const };
  });
  const parameters = places.flatMap(({ stage, parts }) => [stage, ...parts]);
  const channel = await transport.exec(['sh', '-c', stageScript, 'sh', ...parameters], { signal });
  const { slow, answer } = await sampleLink(channel, 'end');
  if (signal.aborted)
    throw new BiphaseError('cancelled', `Preparing ${transport.description} was cancelled.`);
  if (ownCode(await channel.exit, transport) !== 0)
    throw new BiphaseError('refused', `The root on ${transport.description} cannot be written.`, {
      next: 'Check the free space and rights of the root.',
    });
  const sizes = answer
    .trim()
    .split('\n')
    .slice(-2 * loads.length)
    .map(Number);
  const stages = places.map(({ stage, parts }, i) => ({
    folder: stage,
    packed: { part: parts[0], there: sizes[2 * i] ?? 0 },
    plain: { part: parts[1], there: sizes[2 * i + 1] ?? 0 },
  }));
  return { stages, slow };
}
