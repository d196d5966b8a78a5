import * as z from 'zod';
import { askTool, textOf } from './gpuTool.ts';
import type { GpuProcess, SeenGpu, SeenGpus } from './seenGpu.ts';

/** AMD GPUs with their processes, and a sentence where the tool fails. */
export async function findAmdGpus(program = 'amd-smi'): Promise<SeenGpus> {
  const answer = await askTool(program, ['metric', '--json']);
  if (answer === 'missing') return { gpus: [] };
  if (answer === 'silent')
    return { gpus: [], warning: 'amd-smi did not answer; the AMD GPUs are not known.' };
  const others = [['list'], ['static'], ['process']].map((command) =>
    askTool(program, [...command, '--json']).then((other) => textOf(other) ?? ''),
  );
  const [list, fixed, processes] = await Promise.all(others);
  const gpus = parseAmdSmi({ metric: answer.text, list: list!, static: fixed!, process: processes! });
  if (answer.code === 0) return { gpus };
  return {
    gpus,
    warning: `amd-smi failed (${String(answer.code)}); what it says of the AMD GPUs may be incomplete.`,
  };
}

const device = z.looseObject({ gpu: z.number().int() });
type Device = z.infer<typeof device>;

/** GPUs from the JSON of four commands. Keys differ by version: what is not found is null. */
export function parseAmdSmi(texts: {
  metric: string;
  list: string;
  static: string;
  process: string;
}): SeenGpu[] {
  const lists = devices(texts.list);
  const statics = devices(texts.static);
  const processes = devices(texts.process);
  const of = (from: Device[], gpu: number): Device | undefined => from.find((entry) => entry.gpu === gpu);
  return devices(texts.metric).map((metric) => {
    const { gpu } = metric;
    const listed = of(lists, gpu);
    const fixed = of(statics, gpu);
    const name = at(fixed, 'asic', 'market_name');
    const uuid = at(listed, 'uuid');
    return {
      vendor: 'amd',
      index: gpu,
      instance: null,
      uuid: typeof uuid === 'string' ? uuid : `amd-${gpu}`,
      name: typeof name === 'string' ? name : 'AMD GPU',
      memoryTotalMiB: mebibytes(at(metric, 'mem_usage', 'total_vram')),
      memoryUsedMiB: mebibytes(at(metric, 'mem_usage', 'used_vram')),
      utilization: value(at(metric, 'usage', 'gfx_activity')),
      temperature: value(at(metric, 'temperature', 'hotspot')) ?? value(at(metric, 'temperature', 'edge')),
      powerDraw: value(at(metric, 'power', 'socket_power')),
      powerLimit: value(at(fixed, 'limit', 'socket_power')) ?? value(at(fixed, 'limit', 'max_power')),
      processes: processesOf(of(processes, gpu)),
    };
  });
}

/** Entries of a list, or of `gpu_data` around it; none where the text is something else. */
function devices(text: string): Device[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [];
  }
  const list = at(json, 'gpu_data') ?? json;
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const parsed = device.safeParse(entry);
    return parsed.success ? [parsed.data] : [];
  });
}

/** Null where the list is missing. A card without processes has a sentence in place of the first. */
function processesOf(entry: Device | undefined): GpuProcess[] | null {
  const list = at(entry, 'process_list');
  if (!Array.isArray(list)) return null;
  return list.flatMap((item: unknown): GpuProcess[] => {
    const info = at(item, 'process_info');
    const pid = at(info, 'pid');
    if (typeof pid !== 'number' || !Number.isInteger(pid)) return [];
    const memoryMiB = mebibytes(at(info, 'memory_usage', 'vram_mem')) ?? mebibytes(at(info, 'mem_usage'));
    // A process is listed under every card that it has opened, also where it uses nothing of it.
    return memoryMiB === 0 ? [] : [{ pid, memoryMiB }];
  });
}

function at(json: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<string, unknown>)[key]
        : undefined,
    json,
  );
}

/** A number, alone or as `{value, unit}`; null for "N/A". */
function value(json: unknown): number | null {
  const number = typeof json === 'object' ? at(json, 'value') : json;
  return typeof number === 'number' ? number : null;
}

/** Its MB are binary: an MI300X of 192 GiB has "196592 MB". */
const mebibytesIn: Record<string, number> = { B: 2 ** -20, KB: 2 ** -10, MB: 1, GB: 2 ** 10 };

function mebibytes(json: unknown): number | null {
  const number = value(json);
  const unit = mebibytesIn[String(at(json, 'unit') ?? 'B')];
  return number === null || unit === undefined ? null : number * unit;
}
