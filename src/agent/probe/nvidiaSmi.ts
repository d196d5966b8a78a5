import { askTool, textOf } from './gpuTool.ts';
import type { GpuProcess, SeenGpu, SeenGpus } from './seenGpu.ts';

const gpuFields =
  'index,uuid,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw,power.limit';
const valuesAfterName = 6;
const processFields = 'gpu_uuid,pid,used_gpu_memory';
const format = '--format=csv,noheader,nounits';

/** NVIDIA GPUs with their processes, MIG instances in place of their card, and a sentence where the tool fails. */
export async function findNvidiaGpus(program = 'nvidia-smi'): Promise<SeenGpus> {
  const answer = await askTool(program, [`--query-gpu=${gpuFields}`, format]);
  if (answer === 'missing') return { gpus: [] };
  if (answer === 'silent')
    return { gpus: [], silent: true, warning: 'nvidia-smi did not answer; the GPUs are not known.' };
  const cards = parseGpus(answer.text);
  const failure = answer.code === 0 ? undefined : failureSentence(answer.code);
  if (cards.length === 0) return { gpus: [], ...(failure ? { warning: failure } : {}) };
  const [processes, list] = await Promise.all([
    askTool(program, [`--query-compute-apps=${processFields}`, format]).then(textOf),
    askTool(program, ['-L']).then(textOf),
  ]);
  const instances = parseInstances(list ?? '');
  const details = instances.length > 0 ? textOf(await askTool(program, ['-q', '-x'])) : null;
  const gpus = joinGpus(cards, {
    processes: processes === null ? null : parseProcesses(processes),
    instances,
    details: parseInstanceDetails(details ?? ''),
  });
  const warning =
    failure ?? (processes === null ? 'nvidia-smi does not say which processes use the GPUs.' : undefined);
  return { gpus, ...(warning ? { warning } : {}) };
}

/** Cards of `--query-gpu`, one a line; values in brackets mean "not known". Lines that make no sense are left out. */
export function parseGpus(text: string): Omit<SeenGpu, 'processes'>[] {
  return csvLines(text).flatMap((cells) => {
    const index = Number(cells[0]);
    if (cells.length < valuesAfterName + 3 || cells[0] === '' || !Number.isInteger(index)) return [];
    // A name may hold commas: count from both ends.
    const values = cells.slice(-valuesAfterName).map(numberOrNull);
    return [
      {
        vendor: 'nvidia',
        index,
        instance: null,
        uuid: cells[1]!,
        name: cells.slice(2, -valuesAfterName).join(', '),
        memoryTotalMiB: values[0]!,
        memoryUsedMiB: values[1]!,
        utilization: values[2]!,
        temperature: values[3]!,
        powerDraw: values[4]!,
        powerLimit: values[5]!,
      },
    ];
  });
}

/** Processes of `--query-compute-apps` by the UUID they are listed under: a card's, or an instance's. */
export function parseProcesses(text: string): Map<string, GpuProcess[]> {
  const found = new Map<string, GpuProcess[]>();
  for (const [uuid, pidText, memory] of csvLines(text)) {
    const pid = Number(pidText);
    if (!uuid || !Number.isInteger(pid) || pid <= 0) continue;
    found.set(uuid, [...(found.get(uuid) ?? []), { pid, memoryMiB: numberOrNull(memory ?? '') }]);
  }
  return found;
}

/** A MIG instance as `nvidia-smi -L` lists it below its card. */
export interface MigInstance {
  card: string;
  instance: number;
  profile: string;
  uuid: string;
}

export function parseInstances(text: string): MigInstance[] {
  const found: MigInstance[] = [];
  let card = '';
  for (const line of text.split('\n')) {
    card = /^GPU \d+: .*\(UUID: (GPU-[^)]+)\)/.exec(line)?.[1] ?? card;
    const match = /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)/.exec(line);
    if (match && card) found.push({ card, profile: match[1]!, instance: Number(match[2]), uuid: match[3]! });
  }
  return found;
}

interface InstanceDetails {
  memoryTotalMiB: number | null;
  memoryUsedMiB: number | null;
  processes: GpuProcess[];
}

/** What only `nvidia-smi -q -x` says of MIG instances, by `<UUID of the card>/<number of the instance>`. */
export function parseInstanceDetails(xml: string): Map<string, InstanceDetails> {
  const found = new Map<string, InstanceDetails>();
  for (const block of xml.split(/<gpu\b/).slice(1)) {
    const instances = [...block.matchAll(/<mig_device>(.*?)<\/mig_device>/gs)].map((match) => match[1]!);
    // Some drivers name instances by a UUID too: the card's own stands outside of them.
    const card = tag(block.replace(/<mig_devices>.*?<\/mig_devices>/s, ''), 'uuid');
    const processes = [...block.matchAll(/<process_info>(.*?)<\/process_info>/gs)].map((match) => match[1]!);
    for (const instance of instances) {
      const memory = /<fb_memory_usage>(.*?)<\/fb_memory_usage>/s.exec(instance)?.[1] ?? '';
      const place = placeOf(instance);
      found.set(`${card}/${tag(instance, 'index')}`, {
        memoryTotalMiB: mebibytes(tag(memory, 'total')),
        memoryUsedMiB: mebibytes(tag(memory, 'used')),
        processes: processes
          .filter((process) => placeOf(process) === place && /^\d+$/.test(tag(process, 'pid')))
          .map((process) => ({
            pid: Number(tag(process, 'pid')),
            memoryMiB: mebibytes(tag(process, 'used_memory')),
          })),
      });
    }
  }
  return found;
}

/** Cards and instances in order, each with the processes on it. A card that is cut into instances is no GPU itself. */
export function joinGpus(
  cards: Omit<SeenGpu, 'processes'>[],
  seen: {
    processes: Map<string, GpuProcess[]> | null;
    instances: MigInstance[];
    details: Map<string, InstanceDetails>;
  },
): SeenGpu[] {
  const on = (uuid: string): GpuProcess[] | null => seen.processes && (seen.processes.get(uuid) ?? []);
  return cards.flatMap((card): SeenGpu[] => {
    const instances = seen.instances.filter((instance) => instance.card === card.uuid);
    if (instances.length === 0) return [{ ...card, processes: on(card.uuid) }];
    return instances.map(({ instance, profile, uuid }) => {
      const details = seen.details.get(`${card.uuid}/${instance}`);
      // Without details a process of the card may be on any of its instances.
      const listed = seen.processes && [...on(uuid)!, ...on(card.uuid)!];
      return {
        ...card,
        instance,
        uuid,
        name: `${card.name} MIG ${profile}`,
        memoryTotalMiB: details?.memoryTotalMiB ?? null,
        memoryUsedMiB: details?.memoryUsedMiB ?? null,
        utilization: null,
        powerDraw: null,
        powerLimit: null,
        processes: details?.processes ?? listed,
      };
    });
  });
}

function csvLines(text: string): string[][] {
  return text.split('\n').map((line) => line.split(',').map((cell) => cell.trim()));
}

function numberOrNull(cell: string): number | null {
  return /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : null;
}

function mebibytes(text: string): number | null {
  const match = /^(\d+) MiB$/.exec(text);
  return match ? Number(match[1]) : null;
}

function tag(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim() ?? '';
}

/** Which instance of a card an element of the XML speaks of. */
function placeOf(xml: string): string {
  return `${tag(xml, 'gpu_instance_id')}/${tag(xml, 'compute_instance_id')}`;
}

/** Exit codes as `nvidia-smi --help` lists them. */
function failureSentence(code: unknown): string | undefined {
  if (code === 6) return undefined;
  if (code === 9) return 'nvidia-smi is there, but no NVIDIA driver is loaded.';
  if (code === 18)
    return 'The NVIDIA driver and its library have different versions; the node must be restarted.';
  return `nvidia-smi failed (${String(code)}); what it says of the GPUs may be incomplete.`;
}
