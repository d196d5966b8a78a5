import type * as vscode from 'vscode';
import { toBiphaseError } from '../../core/errors.ts';
import type { SeriesRequest } from '../../protocol/controlApi.ts';
import {
  type CurvesState,
  type FromCurvesPage,
  fromCurvesPage,
  type LinkedView,
  type ToCurvesPage,
} from '../../protocol/pageMessages.ts';
import type { ControlService } from '../control/controlService.ts';
import { newestFirst } from '../views/runText.ts';
import { withPageState, withRuns } from './curvesState.ts';
import { PagePanel } from './pagePanel.ts';
import { type PointsEvent, PointsOutbox } from './pointsOutbox.ts';
import type { SeriesSubscriptions } from './seriesSubscriptions.ts';

/** What the panel asks of the rest of the extension. */
export interface CurvesPanelActions {
  pickRuns(shown: readonly string[]): Promise<string[] | undefined>;
  launch(): void;
  exportCsv(runs: readonly string[], metrics: readonly string[] | null): Promise<void>;
  savePicture(name: string, format: 'png' | 'svg', bytes: Uint8Array): Promise<void>;
}

/** What a panel is made with. */
export interface CurvesPanelContext {
  extensionUri: vscode.Uri;
  log: vscode.LogOutputChannel;
  subscriptions: SeriesSubscriptions;
  /** Cursor or range moved in this panel. */
  linked: (from: CurvesPanel, view: LinkedView) => void;
}

/**
 * Host of the curves page. A page that appears says `ready` and gets a snapshot; deltas go to it only while it is
 * visible. It holds UI state, never points.
 */
export class CurvesPanel extends PagePanel<FromCurvesPage> {
  readonly #service: ControlService;
  readonly #actions: CurvesPanelActions;
  readonly #context: CurvesPanelContext;
  #state: CurvesState;
  #ready = false;
  #shown: { run: string; metric: string }[] = [];
  readonly #points = new PointsOutbox((deltas, binary) => this.#post({ type: 'points', deltas }, binary));

  constructor(
    panel: vscode.WebviewPanel,
    state: CurvesState,
    service: ControlService,
    actions: CurvesPanelActions,
    context: CurvesPanelContext,
  ) {
    super(panel, context, 'curves', fromCurvesPage);
    this.#service = service;
    this.#actions = actions;
    this.#context = context;
    this.#state = state;
    this.register(service.onPoints((event) => this.#addPoints(event)));
    this.register(
      service.onRuns(({ runs, removed }) => {
        const wanted = runs.filter((run) => this.#state.runs.includes(run.run));
        const gone = removed.filter((id) => this.#state.runs.includes(id));
        if (wanted.length > 0 || gone.length > 0)
          void this.#post({ type: 'runs', runs: wanted, removed: gone });
      }),
    );
    this.register(service.onReconnected(() => void this.#sendSnapshot()));
    this.register(
      panel.onDidChangeViewState(() => {
        // A hidden page is discarded; shown again it starts anew and says `ready`.
        if (!panel.visible) {
          this.#ready = false;
          this.#points.clear();
          void this.#subscribe([]);
        }
      }),
    );
    this.register({ dispose: () => void this.#subscribe([]) });
  }

  get runs(): readonly string[] {
    return this.#state.runs;
  }

  /** What a second panel starts from. */
  get state(): CurvesState {
    return this.#state;
  }

  get active(): boolean {
    return this.panel.active;
  }

  /** The editor column that it lies in, 1 to 9. */
  get column(): number {
    return this.panel.viewColumn ?? 1;
  }

  /** Another panel's cursor or range moved; the page follows where it is linked. */
  follow(view: LinkedView): void {
    void this.#post({ type: 'linked', view });
  }

  /** Shows these runs beside those on show. */
  addRuns(runs: readonly string[]): void {
    this.#setRuns([...this.#state.runs, ...runs]);
  }

  #setRuns(runs: readonly string[]): void {
    this.#state = withRuns(this.#state, runs);
    void this.#sendSnapshot();
  }

  protected override async received(message: FromCurvesPage, binary: unknown): Promise<void> {
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
        this.#state = withPageState(this.#state, message.state);
        return;
      case 'pickRuns': {
        const picked = await this.#actions.pickRuns(this.#state.runs);
        if (picked) this.#setRuns(picked);
        return;
      }
      case 'launch':
        this.#actions.launch();
        return;
      case 'exportCsv':
        await this.#actions.exportCsv(message.runs, message.metrics);
        return;
      case 'savePicture':
        if (binary instanceof ArrayBuffer || ArrayBuffer.isView(binary))
          await this.#actions.savePicture(message.name, message.format, bytesOf(binary));
        return;
      case 'linked':
        this.#context.linked(this, message.view);
        return;
      case 'problem':
        this.#context.log.error(`curves: ${message.message}`);
    }
  }

  async #sendSnapshot(): Promise<void> {
    if (!this.#ready) return;
    try {
      await this.#service.ready();
    } catch (error) {
      this.#context.log.error(`curves: ${toBiphaseError(error).message}`);
    }
    const runs = this.#state.runs.flatMap((id) => this.#service.runs.get(id) ?? []).sort(newestFirst);
    void this.#post({ type: 'snapshot', runs, state: this.#state });
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
    if (series.length === 0 && this.#shown.length === 0) return;
    this.#shown = series;
    try {
      await this.#context.subscriptions.set(this, series);
    } catch (error) {
      this.#context.log.warn(`curves: ${toBiphaseError(error).message}`);
    }
  }

  /** Resolves when the workbench has taken the message. */
  async #post(message: ToCurvesPage, binary?: Uint8Array): Promise<void> {
    // A panel that was closed meanwhile may not even be asked whether it is visible.
    if (this.disposed || !this.#ready || !this.panel.visible) return;
    try {
      await this.panel.webview.postMessage(
        binary === undefined ? message : { ...message, binary: exactBuffer(binary) },
      );
    } catch {
      // The panel was closed meanwhile; what is shown again asks for a snapshot.
    }
  }
}

function bytesOf(binary: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (binary instanceof ArrayBuffer) return new Uint8Array(binary);
  return new Uint8Array(binary.buffer, binary.byteOffset, binary.byteLength);
}

/** The bytes as an ArrayBuffer of their own: what messages to a webview carry without JSON. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
