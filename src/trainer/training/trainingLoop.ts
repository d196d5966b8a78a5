import { BiphaseError } from '../../core/errors.ts';
import { OutlierDetector, outlierDeviations, outlierWindow } from '../../core/outliers.ts';
import { trainingFlops } from '../../core/parameterCounts.ts';
import { maskRatioAt, phaseIndexAt, phaseStart, totalSteps } from '../../core/phases.ts';
import { objectiveName } from '../../core/runNames.ts';
import { decayStart, learningRateAt } from '../../core/schedule.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { metricNames } from '../../protocol/runDirectory.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import type { SampleStream } from '../data/sampleStream.ts';
import type { PretrainingModel } from '../model/pretrainingModel.ts';
import {
  type BatchRules,
  type MicroBatch,
  microBatches,
  type Objective,
} from '../objectives/microBatches.ts';
import type { ProgressTicker } from './progressTicker.ts';
import type { RunWriter } from './runWriter.ts';
import { StopRequested } from './stopRequest.ts';
import type { Validator } from './validation.ts';

/** Where a run stands between two updates. */
export interface TrainingState {
  step: number;
  tokens: number;
  /** Number of the next sample. */
  samples: number;
  elapsed: number;
  optimizerStep: number;
  validationPending: boolean;
}

export interface TrainingParts {
  file: ResolvedRunFile;
  model: PretrainingModel;
  samples: SampleStream;
  rules: BatchRules;
  validator: Validator;
  /** Floating-point operations a second that the machine can reach; null: not measured. */
  peak: number | null;
  writer: RunWriter;
  ticker: ProgressTicker;
  /** Saves the state as a checkpoint. */
  save(state: TrainingState): Promise<void>;
}

interface UpdateResult {
  tokens: number;
  metrics: Record<string, number>;
  finite: boolean;
}

/** Weight of each pass's loss: one over all loss positions, or over its own times the number of passes. */
function scaleOf(average: 'tokens' | 'microbatch', pass: MicroBatch, all: MicroBatch[]): number {
  const positions = (batch: MicroBatch): number => batch.batch.lossRows.length;
  if (average === 'tokens')
    return (
      1 /
      Math.max(
        1,
        all.reduce((sum, batch) => sum + positions(batch), 0),
      )
    );
  return 1 / Math.max(1, positions(pass)) / all.filter((batch) => positions(batch) > 0).length;
}

/** Floating-point operations of a pass, forward and backward. */
function passFlops(model: ModelConfig, { batch }: MicroBatch): number {
  const { cumulativeLengths } = batch;
  return trainingFlops(model, {
    tokens: batch.inputIds.length,
    lossPositions: batch.lossRows.length,
    sampleLengths: Array.from(cumulativeLengths.subarray(1), (end, i) => end - cumulativeLengths[i]),
    causal: batch.causal,
  });
}

/** The run from `state` to its last step or a stop; `state` moves along with every update. */
export class TrainingLoop {
  readonly #parts: TrainingParts;
  readonly state: TrainingState;
  #savedStep = -1;
  #lastTime = 0;
  readonly #outliers: Record<'loss' | 'gradNorm', OutlierDetector> = {
    loss: new OutlierDetector(),
    gradNorm: new OutlierDetector(),
  };
  /** Where this segment began, for the time that is left. */
  readonly #began: { step: number; elapsed: number };

  constructor(parts: TrainingParts, state: TrainingState) {
    this.#parts = parts;
    this.state = state;
    this.#began = { step: state.step, elapsed: state.elapsed };
  }

  /** Returns how it ended; after a stop the state is saved. */
  async run(): Promise<'finished' | 'stopped'> {
    const { file, ticker, writer } = this.#parts;
    const total = totalSteps(file.phases);
    this.#lastTime = performance.now();
    try {
      if (this.state.step === 0 || this.state.validationPending) await this.#validateAlone();
      while (this.state.step < total) {
        this.#beginStep();
        const result = await this.#update();
        await this.#afterUpdate(result, total);
      }
      await this.#saveOnce();
      return 'finished';
    } catch (error) {
      if (!(error instanceof StopRequested)) throw error;
      ticker.doing('stopping');
      await this.#saveOnce();
      writer.event(this.state.step, 'stop', `Stopped at step ${this.state.step}.`);
      return 'stopped';
    }
  }

  #countTime(): void {
    const now = performance.now();
    this.state.elapsed += (now - this.#lastTime) / 1000;
    this.#lastTime = now;
  }

  async #saveOnce(): Promise<void> {
    if (this.#savedStep === this.state.step) return;
    const { ticker } = this.#parts;
    this.#countTime();
    ticker.doing('saving');
    await this.#parts.save({ ...this.state });
    this.#savedStep = this.state.step;
  }

  /** Validation without an update before it: at the start, or where a stop cut it off. */
  async #validateAlone(): Promise<void> {
    this.state.validationPending = true;
    const metrics = await this.#validate();
    this.state.validationPending = false;
    this.#countTime();
    if (Object.keys(metrics).length > 0) this.#parts.writer.metrics(this.state, metrics);
  }

  async #validate(): Promise<Record<string, number>> {
    const { validator, model, ticker } = this.#parts;
    ticker.doing('validating');
    const metrics: Record<string, number> = {};
    for (const measure of validator.measures) {
      const loss = await validator.loss(model, measure, () => ticker.tick());
      metrics[metricNames.validationLoss(measure.name)] = loss;
    }
    return metrics;
  }

  /** What happens where a phase or the decay begins. */
  #beginStep(): void {
    const { file, model, writer, ticker } = this.#parts;
    const { step } = this.state;
    const index = phaseIndexAt(file.phases, step);
    const phase = file.phases[index];
    ticker.now.phase = index;
    ticker.now.doing = 'training';
    if (step === phaseStart(file.phases, index)) {
      writer.event(step, 'phase', objectiveName(phase));
      for (const detector of Object.values(this.#outliers)) detector.reset();
      if (phase.optimizer === 'fresh') {
        model.resetMoments();
        this.state.optimizerStep = 0;
        writer.event(step, 'optimizer', 'The moments begin at zero.');
      }
    }
    if (file.schedule.decay > 0 && step === decayStart(file.schedule, totalSteps(file.phases)))
      writer.event(step, 'decay');
  }

  /** One update: forward and backward over all passes, clip, AdamW. The weights change only at its very end. */
  async #update(): Promise<UpdateResult> {
    const { file, model, rules, ticker, peak } = this.#parts;
    const { step } = this.state;
    const started = performance.now();
    const { samples, stalled } = await this.#parts.samples.take(file.batch.samples);
    const phase = file.phases[phaseIndexAt(file.phases, step)];
    const ratio = maskRatioAt(file.phases, step);
    const passes = microBatches(samples, phase, ratio, rules, this.state.samples).filter(
      (pass) => pass.batch.lossRows.length > 0,
    );
    model.zeroGradients();
    const sums: Record<Objective, { loss: number; positions: number }> = {
      clm: { loss: 0, positions: 0 },
      mlm: { loss: 0, positions: 0 },
    };
    let loss = 0;
    for (const pass of passes) {
      await ticker.tick();
      const scale = scaleOf(file.loss.average, pass, passes);
      const { lossSum, lossPositions } = await model.forwardBackward(pass.batch, scale);
      loss += lossSum * scale;
      sums[pass.objective].loss += lossSum;
      sums[pass.objective].positions += lossPositions;
    }
    await ticker.tick();
    const learningRate = learningRateAt(file.schedule, step, totalSteps(file.phases));
    const { gradNorm, updated } = await model.adamW({
      learningRate,
      betas: file.optimizer.betas,
      eps: file.optimizer.eps,
      weightDecay: file.optimizer.weightDecay,
      decay: file.optimizer.decay,
      clip: file.optimizer.clip,
      step: this.state.optimizerStep,
      skipNonFinite: true,
      normOnly: !Number.isFinite(loss),
    });
    if (updated) this.state.optimizerStep++;
    const tokens = samples.reduce((sum, sample) => sum + sample.ids.length, 0);
    const metrics: Record<string, number> = { [metricNames.loss]: loss };
    for (const objective of ['clm', 'mlm'] as const)
      if (sums[objective].positions > 0)
        metrics[metricNames.objectiveLoss(objective)] = sums[objective].loss / sums[objective].positions;
    metrics[metricNames.gradNorm] = gradNorm;
    metrics[metricNames.learningRate] = learningRate;
    const seconds = (performance.now() - started) / 1000;
    metrics[metricNames.tokensPerSecond] = Math.round(tokens / seconds);
    if (peak !== null) {
      const flops = passes.reduce((sum, pass) => sum + passFlops(file.model, pass), 0);
      metrics[metricNames.shareOfPeak] = Number((flops / seconds / peak).toPrecision(4));
    }
    metrics[metricNames.memory] = process.memoryUsage.rss();
    metrics[metricNames.dataStalls] = stalled;
    return { tokens, metrics, finite: updated };
  }

  /** Events where the loss or the gradient's norm stands out above those of the steps before. */
  #noteOutliers(metrics: Record<string, number>): void {
    for (const [name, detector] of Object.entries(this.#outliers)) {
      const value = metrics[name];
      const score = detector.zScore(value);
      if (score !== null && score > outlierDeviations)
        this.#parts.writer.event(
          this.state.step,
          'outlier',
          `${name} is ${Number(value.toPrecision(4))}, ${score.toFixed(1)} standard deviations above the ${outlierWindow} steps before.`,
        );
    }
  }

  /** Counts the update, validates and saves where it is time; every step writes exactly one metric line. */
  async #afterUpdate(result: UpdateResult, total: number): Promise<void> {
    const { file, writer, ticker } = this.#parts;
    const { state } = this;
    if (!result.finite && file.nonFinite === 'stop') {
      writer.metrics({ ...state, step: state.step + 1 }, result.metrics);
      const sentence = `The loss or its gradient is not finite at step ${state.step + 1}; the weights are as they were before it.`;
      writer.event(state.step + 1, 'nonFinite', sentence);
      throw new BiphaseError('internal', sentence, {
        next: 'Lower schedule.peak, or set nonFinite: skip to go on without such updates.',
      });
    }
    state.step++;
    state.tokens += result.tokens;
    state.samples += file.batch.samples;
    if (!result.finite)
      writer.event(state.step, 'nonFinite', 'The update was skipped: its loss or gradient is not finite.');
    this.#noteOutliers(result.metrics);
    const { now } = ticker;
    now.step = state.step;
    now.tokens = state.tokens;
    now.loss = result.metrics.loss;
    now.tokensPerSecond = result.metrics.tokensPerSecond;
    let validation: Record<string, number> = {};
    let stop: unknown;
    if (state.step % file.validate.every === 0 || state.step === total) {
      try {
        validation = await this.#validate();
      } catch (error) {
        // The line of this step must be written all the same; its validation comes with the next segment.
        if (!(error instanceof StopRequested)) throw error;
        state.validationPending = true;
        stop = error;
      }
    }
    this.#countTime();
    const perStep = (state.elapsed - this.#began.elapsed) / (state.step - this.#began.step);
    now.secondsLeft = perStep * (total - state.step);
    writer.metrics(state, { ...result.metrics, ...validation });
    if (stop) throw stop;
    if (state.step % file.checkpoints.every === 0 || file.checkpoints.at.includes(state.step))
      await this.#saveOnce();
  }
}
