/** Where text comes from: as `data.source` takes it, or a folder or file of this computer, named as its node needs it. */
export type DataChoice = ({ kind: 'source'; source: string } | { kind: 'folder'; path: string }) & {
  /** `data.column`, where it is not the default. */
  column?: string;
};

/** A run of whose file the data are wanted again. */
export interface RunWithData {
  name: string;
  /** It ran on this computer. */
  local: boolean;
  /** As launched. */
  file: unknown;
}

/** The data of a run file; undefined where it names none. */
export function dataOf({ file, local }: Pick<RunWithData, 'file' | 'local'>): DataChoice | undefined {
  const { data } = (file ?? {}) as { data?: { source?: unknown; column?: unknown } };
  if (typeof data?.source !== 'string') return undefined;
  const { source } = data;
  const column = typeof data.column === 'string' ? { column: data.column } : {};
  if (source.startsWith('local:')) return { kind: 'folder', path: source.slice('local:'.length), ...column };
  if (local && source.startsWith('/')) return { kind: 'folder', path: source, ...column };
  return { kind: 'source', source, ...column };
}

/** What runs read, each once, with the name of the first run of the list that reads it; the built-in world is left out. */
export function dataOfRuns(runs: readonly RunWithData[]): { choice: DataChoice; run: string }[] {
  const found = new Map<string, { choice: DataChoice; run: string }>();
  for (const run of runs) {
    const choice = dataOf(run);
    if (!choice || /^world(:|$)/.test(dataLabel(choice))) continue;
    const key = JSON.stringify(choice);
    if (!found.has(key)) found.set(key, { choice, run: run.name });
  }
  return [...found.values()];
}

/** The name that a person knows the data by. */
export function dataLabel(choice: DataChoice): string {
  return choice.kind === 'source' ? choice.source : choice.path;
}

/** As `data.source` takes it on a node. */
export function sourceOn(choice: DataChoice, node: { local: boolean }): string {
  if (choice.kind === 'source') return choice.source;
  return `${node.local ? '' : 'local:'}${choice.path}`;
}
