import * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import {
  type CompareState,
  type FromComparePage,
  fromComparePage,
  type ToComparePage,
} from '../../protocol/comparePage.ts';
import type { SeriesRequest } from '../../protocol/controlApi.ts';
import type { RunsChange } from '../control/controlMirror.ts';
import type { ControlService } from '../control/controlService.ts';
import { contextKeys } from '../ids.ts';
import { CompareFacts } from './compareFacts.ts';
import { childrenOfRuns, compareRunOf } from './compareRuns.ts';
import { pinnedRun, withBaseline, withComparedRuns, withComparePageState, withPin } from './compareState.ts';
import { PagePanel } from './pagePanel.ts';
import { type PointsEvent, PointsOutbox } from './pointsOutbox.ts';

/** What the panel asks of the rest of the extension. */
export interface ComparePanelActions {
  pickRuns(shown: readonly string[]): Promise<string[] | undefined>;
  showCurves(runs: readonly string[]): void;
  /** Puts the text on the clipboard and says so. */
  copy(text: string, format: string): Promise<void>;
}

/** Summaries in one message: so many are checked and drawn without holding the page up. */
const portion = 100;

/** Host of the compare page. It holds UI state; what it shows of runs comes from control. */
export class ComparePanel extends PagePanel<FromComparePage> {
  readonly #service: ControlService;
  readonly #actions: ComparePanelActions;
  readonly #log: vscode.LogOutputChannel;
  #state: CompareState;
  #ready = false;
  #shown: { run: string; metric: string }[] = [];
  #subscribedTo = '[]';
  /** As control last said it; undefined: it said nothing yet. */
  #pinned: string | null | undefined;
  readonly #points = new PointsOutbox((deltas, binary) => this.#post({ type: 'points', deltas }, binary));
  readonly #facts: CompareFacts;

  constructor(
    panel: vscode.WebviewPanel,
    state: CompareState,
    service: ControlService,
    actions: ComparePanelActions,
    context: { extensionUri: vscode.Uri; log: vscode.LogOutputChannel },
  ) {
    super(panel, context, 'compare', fromComparePage);
    this.#service = service;
    this.#actions = actions;
    this.#log = context.log;
    this.#state = state;
    this.#facts = new CompareFacts({
      ask: async (runs) => (await service.call('compare', { runs })).runs,
      tell: (facts) => void this.#post({ type: 'facts', facts }),
      failed: (runs, message) => {
        this.#log.warn(`compare: ${message}`);
        void this.#post({ type: 'factsFailed', runs, message });
      },
    });
    this.register(service.onPoints((event) => this.#addPoints(event)));
    this.register(service.onRuns((change) => this.#runsChanged(change)));
    this.register(service.onReconnected(() => void this.#sendSnapshot()));
    this.register(
      panel.onDidChangeViewState(() => {
        // A hidden page is discarded; shown again it starts anew and says `ready`.
        if (!panel.visible) {
          this.#ready = false;
          this.#points.clear();
          this.#facts.clear();
          void this.#subscribe([]);
        }
      }),
    );
    this.register({
      dispose: () => {
        this.#ready = false;
        this.#points.clear();
        this.#facts.clear();
        void this.#subscribe([]);
      },
    });
  }

  get runs(): readonly string[] {
    return this.#state.runs;
  }

  /** Compares these runs from now on; the pinned one is the baseline where it is among them. */
  setRuns(runs: readonly string[]): void {
    this.#state = withPin(withComparedRuns(this.#state, runs), pinnedRun(this.#service.runs.values()));
    void this.#sendSnapshot();
  }

  /** Everything is told as a difference to this run, which is compared too; null: to none. */
  setBaseline(run: string | null): void {
    const known = run === null || this.#state.runs.includes(run);
    this.#state = withBaseline(this.#state, run);
    if (known) void this.#post({ type: 'baseline', run });
    else void this.#sendSnapshot();
  }

  protected override async received(message: FromComparePage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        this.#points.clear();
        await this.#sendSnapshot();
        return;
      case 'series':
        await this.#sendSeries(message.request, message.series);
        return;
      case 'show':
        await this.#subscribe(message.series);
        return;
      case 'state':
        this.#state = withComparePageState(this.#state, message.state);
        return;
      case 'pickRuns': {
        const picked = await this.#actions.pickRuns(this.#state.runs);
        if (picked) this.setRuns(picked);
        return;
      }
      case 'pin':
        await this.#pin(message.run);
        return;
      case 'remove':
        this.setRuns(this.#state.runs.filter((run) => !message.runs.includes(run)));
        return;
      case 'showCurves':
        this.#actions.showCurves(message.runs);
        return;
      case 'copy':
        await this.#actions.copy(message.text, message.format);
        return;
      case 'problem':
        this.#log.error(`compare: ${message.message}`);
    }
  }

  /** The page follows at once; control remembers it for all windows. */
  async #pin(run: string | null): Promise<void> {
    this.setBaseline(run);
    try {
      await this.#service.call('pinBaseline', { run });
    } catch (thrown) {
      this.#log.warn(`compare: ${toBiphaseError(thrown).message}`);
      this.#pinned = undefined;
      this.#followPin();
    }
  }

  /** A pin that was made elsewhere, or before this page was restored. */
  #followPin(): void {
    const pinned = pinnedRun(this.#service.runs.values());
    if (pinned === this.#pinned) return;
    this.#pinned = pinned;
    const before = this.#state.baseline;
    this.#state = withPin(this.#state, pinned);
    const { baseline } = this.#state;
    if (baseline !== before) void this.#post({ type: 'baseline', run: baseline });
  }

  async #sendSnapshot(): Promise<void> {
    if (!this.#ready) return;
    try {
      await this.#service.ready();
      this.#followPin();
    } catch (error) {
      this.#log.error(`compare: ${toBiphaseError(error).message}`);
    }
    if (!this.#ready) return;
    this.#facts.clear();
    void this.#post({ type: 'snapshot', state: this.#state });
    this.#sendRuns(this.#state.runs, []);
    this.#facts.want(this.#state.runs);
    if (this.#state.runs.filter((run) => this.#service.runs.has(run)).length > 1)
      void vscode.commands.executeCommand('setContext', contextKeys.comparisonShown, true);
  }

  /** Their summaries in portions, so that any number of them is no burden. */
  #sendRuns(runs: readonly string[], removed: string[]): void {
    const children = childrenOfRuns(this.#service.runs.values());
    const nameOf = (run: string): string | undefined => this.#service.runs.get(run)?.name;
    for (let from = 0; from === 0 || from < runs.length; from += portion) {
      const known = runs.slice(from, from + portion).flatMap((run) => this.#service.runs.get(run) ?? []);
      void this.#post({
        type: 'runs',
        runs: known.map((run) => compareRunOf(run, this.#service.nodes, children, nameOf)),
        removed: from === 0 ? removed : [],
      });
    }
  }

  #runsChanged({ runs, removed }: RunsChange): void {
    this.#followPin();
    if (!this.#ready) return;
    const compared = new Set(this.#state.runs);
    const changed = runs.filter(({ run }) => compared.has(run)).map(({ run }) => run);
    const gone = removed.filter((run) => compared.has(run));
    if (changed.length === 0 && gone.length === 0) return;
    this.#sendRuns(changed, gone);
    this.#facts.changed(changed);
  }

  async #sendSeries(request: number, series: SeriesRequest): Promise<void> {
    try {
      const { value, binary } = await this.#service.callWithBytes('series', series);
      void this.#post({ type: 'series', request, header: value }, binary);
    } catch (thrown) {
      void this.#post({ type: 'failed', request, message: toBiphaseError(thrown).message });
    }
  }

  #addPoints(event: PointsEvent): void {
    const { run, metric } = event.data;
    if (this.#ready && this.#shown.some((s) => s.run === run && s.metric === metric)) this.#points.add(event);
  }

  async #subscribe(series: { run: string; metric: string }[]): Promise<void> {
    const wanted = JSON.stringify(series);
    if (wanted === this.#subscribedTo) return;
    this.#subscribedTo = wanted;
    this.#shown = series;
    try {
      await this.#service.subscriptions.set(this, series);
    } catch (error) {
      this.#log.warn(`compare: ${toBiphaseError(error).message}`);
    }
  }

  /** Resolves when the workbench has taken the message. */
  async #post(message: ToComparePage, binary?: Uint8Array): Promise<void> {
    // A panel that was closed meanwhile may not even be asked whether it is visible.
    if (this.disposed || !this.#ready || !this.panel.visible) return;
    try {
      await this.panel.webview.postMessage(
        binary === undefined ? message : { ...message, binary: Uint8Array.from(binary).buffer },
      );
    } catch {
      // The panel was closed meanwhile; what is shown again asks for a snapshot.
    }
  }
}
