import { formatMebibytes, gpuLabel, gpuUse, isGpuFree } from '../../core/gpuOccupancy.ts';
import { printable } from '../../core/printable.ts';
import type { Gpu } from '../../protocol/agentApi.ts';

type NameOfRun = (run: string) => string | undefined;

const barLength = 6;

/** A codicon and a theme colour: shape and colour both say whose a GPU is. */
export function gpuIcon(gpu: Gpu): { icon: string; color: string } {
  if (isGpuFree(gpu)) return { icon: 'circle-outline', color: 'charts.green' };
  if (gpu.owners === null) return { icon: 'question', color: 'descriptionForeground' };
  if (gpu.owners.length > 0 && gpu.owners.every(({ run }) => run !== null))
    return { icon: 'circle-filled', color: 'charts.blue' };
  return { icon: 'lock', color: 'charts.yellow' };
}

/** What stands beside a GPU: "▮▮▮▮▯▯ 71 % · 96 GiB · you: 610m-clm-42k". */
export function gpuDescription(gpu: Gpu, nameOfRun: NameOfRun): string {
  const busy = gpu.utilization === null || isGpuFree(gpu) ? [] : [bar(gpu.utilization)];
  return [...busy, spokenUse(gpu, nameOfRun)].join(' ');
}

/** The same in words, for a screen reader. */
export function gpuSpoken(gpu: Gpu, nameOfRun: NameOfRun): string {
  return `${gpuLabel(gpu)}, ${spokenUse(gpu, nameOfRun)}`;
}

/** Lines of a GPU's tooltip. What the tool does not say is left out. */
export function gpuTooltip(gpu: Gpu, nameOfRun: NameOfRun): string[] {
  const used = formatMebibytes(gpu.memoryUsedMiB);
  const total = formatMebibytes(gpu.memoryTotalMiB);
  const draw = gpu.powerDraw === null ? null : `${Math.round(gpu.powerDraw)} W`;
  const limit = gpu.powerLimit === null ? '' : ` of ${Math.round(gpu.powerLimit)} W`;
  const lines = [
    `${gpuLabel(gpu)}: ${printable(gpu.name)}`,
    printable(gpu.uuid),
    total && (used ? `Memory: ${used} of ${total} in use` : `Memory: ${total}`),
    gpu.utilization === null ? null : `Utilization: ${gpu.utilization} %`,
    gpu.temperature === null ? null : `Temperature: ${gpu.temperature} °C`,
    draw && `Power: ${draw}${limit}`,
    gpu.owners === null ? 'Its processes are not known.' : null,
    ...(gpu.owners ?? []).map(({ pid, user, memoryMiB, run }) => {
      const memory = formatMebibytes(memoryMiB);
      const whose = run === null ? (user ?? 'someone else') : (nameOfRun(run) ?? run);
      return `${printable(whose)}: process ${pid}${memory ? `, ${memory}` : ''}`;
    }),
  ];
  return lines.filter((line) => line !== null);
}

/** "4 × H200" and "2 busy": names without their vendor. */
export function gpusInShort(gpus: readonly Gpu[]): string[] {
  if (gpus.length === 0) return [];
  const shown = gpus.map(({ name }) => printable(name.replace(/^(NVIDIA|AMD) /, '')));
  const names = [...new Set(shown)];
  const counts = names.map((name) => `${shown.filter((other) => other === name).length} × ${name}`);
  const busy = gpus.filter((gpu) => !isGpuFree(gpu)).length;
  return [counts.join(', '), ...(busy > 0 ? [`${busy} busy`] : [])];
}

function spokenUse(gpu: Gpu, nameOfRun: NameOfRun): string {
  const use = gpuUse(gpu, nameOfRun);
  if (isGpuFree(gpu)) return use;
  const memory = formatMebibytes(gpu.memoryUsedMiB);
  return [gpu.utilization === null ? null : `${gpu.utilization} %`, memory, use]
    .filter((part) => part !== null)
    .join(' · ');
}

function bar(percent: number): string {
  const full = Math.round((Math.min(100, percent) / 100) * barLength);
  return '▮'.repeat(full) + '▯'.repeat(barLength - full);
}
