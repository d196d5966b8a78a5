import type { CurvesState } from '../../src/protocol/pageMessages.ts';
import { firstMetrics } from './panels.ts';

/** The page's UI state: what it shows and how. Undefined until the first snapshot. */
export class PageState {
  current: CurvesState | undefined;
  private readonly save: (state: CurvesState) => void;

  /** `save`: keeps the state over reloads and tells the extension. */
  constructor(save: (state: CurvesState) => void) {
    this.save = save;
  }

  /** Changes the state and saves it; returns false where there is none yet. */
  change(change: Partial<CurvesState>): boolean {
    if (!this.changeUnsaved(change)) return false;
    this.saveNow();
    return true;
  }

  /** Changes what is saved later, as while a gesture lasts. */
  changeUnsaved(change: Partial<CurvesState>): boolean {
    if (!this.current) return false;
    this.current = { ...this.current, ...change };
    return true;
  }

  saveNow(): void {
    if (this.current) this.save(this.current);
  }

  /** The chosen metrics, or those that a new page shows of runs with these. */
  metricsOf(available: ReadonlySet<string>): readonly string[] {
    const chosen = this.current?.metrics ?? [];
    return chosen.length > 0 ? chosen : firstMetrics(available);
  }
}
