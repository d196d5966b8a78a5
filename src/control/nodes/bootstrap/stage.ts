import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import { judgeLink } from './linkRate.ts';
import type { Load } from './parcel.ts';
import { ownCode } from './remoteScript.ts';

/** Where a parcel arrives, and how many bytes of it an attempt before left there: packed, or as it is. */
export interface Stage {
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

/** The hidden folder in which a load grows. `client` names this machine: two clients never write one stage. */
export function stageOf({ folder }: Load, client: string): string {
  const slash = folder.lastIndexOf('/');
  return `${folder.slice(0, slash)}/.${folder.slice(slash + 1)}.${client}.stage`;
}

/** Makes the stages of loads, or finds those that an attempt before left; and sends a sample, to judge the link. */
export async function openStages(
  transport: Transport,
  loads: readonly Load[],
  client: string,
  signal: AbortSignal,
): Promise<{ stages: Stage[]; slow: boolean }> {
  const places = loads.map((load) => {
    const stage = stageOf(load, client);
    return { stage, parts: [`${stage}/${load.id}.packed.part`, `${stage}/${load.id}.plain.part`] as const };
  });
  const parameters = places.flatMap(({ stage, parts }) => [stage, ...parts]);
  const channel = await transport.exec(['sh', '-c', stageScript, 'sh', ...parameters], { signal });
  const again = () => transport.exec(['sh', '-c', 'echo end; cat > /dev/null'], { signal });
  const { slow, answer } = await judgeLink(channel, 'end', again);
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
  const stages = places.map(({ parts }, i) => ({
    packed: { part: parts[0], there: sizes[2 * i] ?? 0 },
    plain: { part: parts[1], there: sizes[2 * i + 1] ?? 0 },
  }));
  return { stages, slow };
}
