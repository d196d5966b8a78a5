import { type CurvesState, curvesStateSchema } from '../../protocol/pageMessages.ts';

const emptyState: CurvesState = curvesStateSchema.parse({
  runs: [],
  metrics: [],
  x: 'step',
  logY: false,
  table: false,
  hidden: [],
  range: null,
});

/** UI state as a page left it; what does not fit is dropped. */
export function curvesStateOf(saved: unknown): CurvesState {
  const checked = curvesStateSchema.safeParse(saved);
  return checked.success ? checked.data : emptyState;
}

/** The state with these runs on show, each once. */
export function withRuns(state: CurvesState, runs: readonly string[]): CurvesState {
  const unique = [...new Set(runs)];
  return { ...state, runs: unique, hidden: state.hidden.filter((id) => unique.includes(id)) };
}

/** The state as the page has it, with our runs: the page never chooses runs, and may not yet know of new ones. */
export function withPageState(own: CurvesState, page: CurvesState): CurvesState {
  return withRuns(page, own.runs);
}
