import { BiphaseError } from '../../core/errors.ts';
import { fillNormals, philoxKey } from '../../core/philox.ts';
import type { ModelPurpose } from '../../core/plannedBytes.ts';
import type { ModelConfig } from '../../protocol/modelConfig.ts';
import { type Engine, elementCount, type OptimizerEntry, type Tensor } from '../engine/engine.ts';
import { Encoder } from './encoder.ts';
import { allocateParameters, type ParameterSet } from './parameters.ts';
import type {
  AdamWStep,
  BatchLimits,
  LossSum,
  PackedBatch,
  ParameterKind,
  PretrainingModel,
} from './pretrainingModel.ts';
import { type ElementRange, piecesOf } from './safetensorsFile.ts';

const INITIAL_DEVIATION = 0.02;
/** PyTorch's clip_grad_norm_ adds it to the norm. */
const CLIP_EPSILON = 1e-6;

/** Copies of the parameters that a purpose needs. */
const kindsOf: Record<ModelPurpose, readonly ParameterKind[]> = {
  train: ['weight', 'gradient', 'firstMoment', 'secondMoment'],
  gradients: ['weight', 'gradient'],
  evaluate: ['weight'],
};

/** The encoder with its parameters, gradients and moments on one engine. */
export class EncoderModel implements PretrainingModel {
  readonly config: ModelConfig;
  readonly plannedBytes: number;
  readonly parameters: readonly { name: string; shape: readonly number[] }[];
  private readonly engine: Engine;
  private readonly limits: BatchLimits;
  private readonly copies: ReadonlyMap<ParameterKind, ParameterSet>;
  private readonly encoder: Encoder;
  private readonly entries = new Map<AdamWStep['decay'], readonly OptimizerEntry[]>();

  constructor(
    engine: Engine,
    config: ModelConfig,
    limits: BatchLimits,
    plannedBytes: number,
    purpose: ModelPurpose = 'train',
  ) {
    this.engine = engine;
    this.config = config;
    this.limits = limits;
    this.plannedBytes = plannedBytes;
    this.copies = new Map(kindsOf[purpose].map((kind) => [kind, allocateParameters(engine, config)]));
    const weights = this.copies.get('weight')!;
    this.encoder = new Encoder(engine, config, limits, { weights, gradients: this.copies.get('gradient') });
    this.parameters = [...weights.named].map(([name, { shape }]) => ({ name, shape }));
  }

  /** The optimizer's list for a kind of decay, one and the same object at every call. */
  private optimizerEntries(decay: AdamWStep['decay']): readonly OptimizerEntry[] {
    const known = this.entries.get(decay);
    if (known) return known;
    const entries = this.parameters.map(({ name, shape }) => ({
      weight: this.tensor(name, 'weight'),
      gradient: this.tensor(name, 'gradient'),
      firstMoment: this.tensor(name, 'firstMoment'),
      secondMoment: this.tensor(name, 'secondMoment'),
      decays: decay === 'all' || shape.length === 2,
    }));
    this.entries.set(decay, entries);
    return entries;
  }

  async initialize(seed: number): Promise<void> {
    for (const { name, shape } of this.parameters) {
      for (const range of piecesOf(elementCount(shape)))
        await this.write(name, 'weight', initialValues(seed, name, shape, range), range.start);
    }
    this.resetMoments();
  }

  resetMoments(): void {
    for (const kind of ['firstMoment', 'secondMoment'] as const) {
      if (!this.copies.has(kind)) continue;
      for (const { name } of this.parameters) this.engine.fill(this.tensor(name, kind), 0);
    }
  }

  zeroGradients(): void {
    for (const { name } of this.parameters) this.engine.fill(this.tensor(name, 'gradient'), 0);
  }

  async forwardBackward(batch: PackedBatch, gradientScale: number): Promise<LossSum> {
    this.check(batch);
    return await this.encoder.lossAndGradients(batch, gradientScale);
  }

  async evaluate(batch: PackedBatch): Promise<LossSum> {
    this.check(batch);
    return await this.encoder.loss(batch);
  }

  async logits(batch: PackedBatch): Promise<Float32Array> {
    this.check(batch);
    return await this.encoder.logits(batch);
  }

  async adamW(step: AdamWStep): Promise<{ gradNorm: number; updated: boolean }> {
    const entries = this.optimizerEntries(step.decay);
    const gradNorm = Math.sqrt(await this.engine.sumOfSquares(entries));
    const skipped = step.normOnly === true || (step.skipNonFinite && !Number.isFinite(gradNorm));
    if (skipped) return { gradNorm, updated: false };
    const [beta1, beta2] = step.betas;
    const clipped = step.clip > 0 ? step.clip / (gradNorm + CLIP_EPSILON) : 1;
    this.engine.adamW(entries, {
      learningRate: step.learningRate,
      beta1,
      beta2,
      eps: step.eps,
      weightDecay: step.weightDecay,
      // A norm that is not a number reaches the weights, as in PyTorch, where the update is not skipped.
      gradientScale: Math.min(clipped, 1),
      biasCorrection1: 1 - beta1 ** (step.step + 1),
      biasCorrection2: 1 - beta2 ** (step.step + 1),
    });
    return { gradNorm, updated: true };
  }

  async read(name: string, kind: ParameterKind, range?: ElementRange): Promise<Float32Array> {
    return await this.engine.read(this.elements(name, kind, range));
  }

  async write(name: string, kind: ParameterKind, values: Float32Array, start?: number): Promise<void> {
    const range = start === undefined ? undefined : { start, count: values.length };
    this.engine.upload(this.elements(name, kind, range), values);
  }

  /** A parameter, or a piece of it as one row of numbers. */
  private elements(name: string, kind: ParameterKind, range: ElementRange | undefined): Tensor {
    const tensor = this.tensor(name, kind);
    if (!range) return tensor;
    const all = elementCount(tensor.shape);
    if (range.start < 0 || range.start + range.count > all)
      throw new BiphaseError(
        'internal',
        `${name} has ${all} elements: those from ${range.start} are beyond.`,
      );
    return this.engine.rows(this.engine.reshape(tensor, [all]), range.start, range.count);
  }

  async close(): Promise<void> {
    await this.engine.close();
  }

  private tensor(name: string, kind: ParameterKind): Tensor {
    const copy = this.copies.get(kind);
    if (!copy)
      throw new BiphaseError('internal', `The model was opened without a ${kind} of its parameters.`);
    const tensor = copy.named.get(name);
    if (!tensor) throw new BiphaseError('missing', `The model has no parameter ${name}.`);
    return tensor;
  }

  /** Kernels do not check addresses: everything that a batch can get wrong is refused here. */
  private check(batch: PackedBatch): void {
    const { inputIds, cumulativeLengths, lossRows, targets } = batch;
    const { limits } = this;
    const refuse = (what: string): never => {
      throw new BiphaseError('usage', `The batch cannot be computed: ${what}.`);
    };
    const bounded = (what: string, value: number, limit: number): void => {
      if (value > limit) refuse(`${value} ${what}, but memory is planned for ${limit}`);
    };
    const { vocabSize } = this.config;
    const known = (ids: Int32Array): boolean => ids.every((id) => id >= 0 && id < vocabSize);
    bounded('tokens', inputIds.length, limits.tokens);
    bounded('samples', cumulativeLengths.length - 1, limits.samples);
    bounded('loss positions', lossRows.length, limits.lossPositions);
    if (cumulativeLengths[0] !== 0 || cumulativeLengths.at(-1) !== inputIds.length)
      refuse('its cumulative lengths do not run from 0 to its number of tokens');
    for (let i = 1; i < cumulativeLengths.length; i++) {
      const length = cumulativeLengths[i]! - cumulativeLengths[i - 1]!;
      if (length < 0) refuse('its cumulative lengths fall');
      bounded('tokens in one sample', length, limits.length);
    }
    if (!known(inputIds) || !known(targets)) refuse(`a token id lies outside the vocabulary of ${vocabSize}`);
    if (targets.length !== lossRows.length) refuse('it has not one target for each loss row');
    for (let i = 0; i < lossRows.length; i++)
      if (lossRows[i]! >= inputIds.length || lossRows[i]! <= (i > 0 ? lossRows[i - 1]! : -1))
        refuse('its loss rows are not ascending rows of the batch');
  }
}

/** N(0, 0.02) for matrices, element by element from its own counter; 1 for norms. `start` is a multiple of 4. */
function initialValues(
  seed: number,
  name: string,
  shape: readonly number[],
  { start, count }: ElementRange,
): Float32Array {
  const values = new Float32Array(count);
  if (shape.length < 2) return values.fill(1);
  fillNormals(values, philoxKey(seed, `weights ${name}`), start / 4, INITIAL_DEVIATION);
  return values;
}
