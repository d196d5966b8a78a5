import { type CompareState, compareStateSchema } from '../../protocol/comparePage.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';

const emptyState: CompareState = {
  runs: [],
  baseline: null,
  onlyDifferences: true,
  groupSeeds: true,
  differenceCurves: false,
  filter: '',
  sortRows: 'group',
  metric: 'loss',
  table: false,
  sortColumns: null,
  styles: {},
};

/** UI state as a page left it; what does not fit is dropped. */
export function compareStateOf(saved: unknown): CompareState {
  const checked = compareStateSchema.safeParse(saved);
  return checked.success ? checked.data : emptyState;
}

/** The state with these runs compared, each once; a baseline that is not among them is none. */
export function withComparedRuns(state: CompareState, runs: readonly string[]): CompareState {
  const unique = [...new Set(runs)];
  const baseline = state.baseline !== null && unique.includes(state.baseline) ? state.baseline : null;
  return { ...state, runs: unique, baseline };
}

/** The state with this run as baseline, compared too; everything is a difference to it then, curves as well. */
export function withBaseline(state: CompareState, run: string | null): CompareState {
  if (run === null) return { ...state, baseline: null, differenceCurves: false };
  const runs = state.runs.includes(run) ? state.runs : [run, ...state.runs];
  return { ...state, runs, baseline: run, differenceCurves: true };
}

/** The state as the page has it, with our runs and baseline: these the page asks for. */
export function withComparePageState(own: CompareState, page: CompareState): CompareState {
  const { runs, baseline } = own;
  return { ...page, runs, baseline };
}

/** The run that is pinned for all windows. */
export function pinnedRun(runs: Iterable<Pick<RunSummary, 'run' | 'baseline'>>): string | null {
  for (const { run, baseline } of runs) if (baseline) return run;
  return null;
}

/** The state as the pin says, wherever it was made: the baseline is the pinned run where that is compared, else none. */
export function withPin(state: CompareState, pinned: string | null): CompareState {
  const baseline = pinned !== null && state.runs.includes(pinned) ? pinned : null;
  return baseline === state.baseline ? state : withBaseline(state, baseline);
}
