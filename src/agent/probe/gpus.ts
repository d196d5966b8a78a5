import { execFile } from 'node:child_process';
import { scaledMs } from '../../core/clock.ts';
import type { Probe } from '../../protocol/agentApi.ts';

type Gpu = Probe['gpus'][number];

const patienceMs = 5000;
const fields = 'index,uuid,name,memory.total,memory.used,utilization.gpu';

/** What nvidia-smi says of one GPU a line; values in brackets mean "not known". Lines that make no sense are left out. */
export function parseNvidiaSmi(text: string): Gpu[] {
  return text.split('\n').flatMap((line) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const index = Number(cells[0]);
    if (cells.length < 6 || cells[0] === '' || !Number.isInteger(index)) return [];
    // A name may hold commas: count from both ends.
    const [memoryTotalMiB, memoryUsedMiB, utilization] = cells.slice(-3).map(numberOrNull);
    return [
      {
        index,
        uuid: cells[1]!,
        name: cells.slice(2, -3).join(', '),
        memoryTotalMiB: memoryTotalMiB!,
        memoryUsedMiB: memoryUsedMiB!,
        utilization: utilization!,
      },
    ];
  });
}

function numberOrNull(cell: string): number | null {
  return /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : null;
}

/** GPUs that nvidia-smi shows, and a sentence where it is there but fails. Never waits longer than its patience. */
export function findGpus(program = 'nvidia-smi'): Promise<{ gpus: Gpu[]; warning?: string }> {
  return new Promise((resolve) => {
    // A driver in trouble can keep the program from dying even by SIGKILL: answer without it.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      resolve({ gpus: [], warning: 'nvidia-smi did not answer; the GPUs are not known.' });
    }, scaledMs(patienceMs));
    const child = execFile(
      program,
      [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'],
      { encoding: 'utf8', maxBuffer: 1 << 20 },
      (error, stdout) => {
        clearTimeout(timer);
        if (!error) resolve({ gpus: parseNvidiaSmi(stdout) });
        else if (error.code === 'ENOENT' || error.code === 'EACCES') resolve({ gpus: [] });
        else resolve({ gpus: parseNvidiaSmi(stdout), warning: failureSentence(error.code) });
      },
    );
  });
}

/** Exit codes as `nvidia-smi --help` lists them. */
function failureSentence(code: unknown): string | undefined {
  if (code === 6) return undefined;
  if (code === 9) return 'nvidia-smi is there, but no NVIDIA driver is loaded.';
  if (code === 18)
    return 'The NVIDIA driver and its library have different versions; the node must be restarted.';
  return `nvidia-smi failed (${String(code)}); what it says of the GPUs may be incomplete.`;
}
