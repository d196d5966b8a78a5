/** Seconds of a time limit as `sbatch --time` takes it: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`. */
export function slurmSeconds(limit: string): number {
  const [days, rest] = limit.includes('-') ? limit.split('-', 2) : [undefined, limit];
  const parts = (rest ?? '').split(':').map(Number);
  const [hours = 0, minutes = 0, seconds = 0] =
    days !== undefined || parts.length === 3 ? parts : [0, ...parts];
  return Number(days ?? 0) * 86_400 + hours * 3600 + minutes * 60 + seconds;
}
