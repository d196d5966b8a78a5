import type { Probe } from '../protocol/agentApi.ts';
import type { LaunchCheck } from '../protocol/controlApi.ts';
import type { ResolvedRunFile } from '../protocol/runFile.ts';
import type { SlurmOptions } from '../protocol/slurm.ts';
import { whyEpochs } from './epochs.ts';
import { formatBytesAlike } from './numberFormat.ts';
import { parameterCounts } from './parameterCounts.ts';
import { phaseStart, totalSteps } from './phases.ts';
import { type PlanLimits, type PlanOptions, planMemory, whyItDoesNotFit } from './plannedBytes.ts';
import { runDifferences } from './runDifferences.ts';
import { plannedTokens } from './runNames.ts';
import { decayStart } from './schedule.ts';
import { slurmSentence } from './slurmText.ts';

/** What is known of the node and of earlier runs when a launch is checked. */
export interface CheckContext {
  node: string;
  setup: string[];
  /** Null while the node is not connected. */
  probe: Probe | null;
  /** Why it is not, and what to do about it, where that is known. */
  trouble?: string;
  /** The newest run that was launched before, with its defaults, and its name. */
  lastRun: { name: string; file: ResolvedRunFile } | null;
  /** Measured on this node with the same model shape; null: has not run yet. */
  tokensPerSecond: number | null;
  /** One sentence where the data are not there. */
  noData: string | null;
  /** One sentence where the run will wait in the node's queue. */
  waits: string | null;
  /** What it asks of the node's Slurm: then the probe is of another machine than the one that will compute. */
  slurm?: SlurmOptions | undefined;
}

/** Tokens of one pass; the trainer takes the largest micro-batch below this. */
const passTokens = 4096;
/** Threads assumed where the node is not known yet. */
const assumedThreads = 4;

/** Everything that can be said about a run before it starts. Pure: fits and times come from the context. */
export function checkLaunch(file: ResolvedRunFile, context: CheckContext): LaunchCheck {
  const { probe, lastRun, slurm } = context;
  const machine = slurm ? null : probe;
  const steps = totalSteps(file.phases);
  const tokens = plannedTokens(file.phases, file.batch.samples, file.data.packing);
  const threads =
    file.engine.threads === 'auto' ? (slurm?.cpus ?? machine?.cores ?? assumedThreads) : file.engine.threads;
  // With `auto` the node decides; the WebAssembly engine needs no less than a BLAS.
  const options: PlanOptions = {
    ...{ threads, purpose: 'train' },
    engine: file.engine.name === 'blas' ? 'blas' : 'wasm',
  };
  const limits = passLimits(file, options);
  const plannedBytes =
    planMemory(file.model, limits, options).total * (file.engine.name === 'reference' ? 2 : 1);
  const parameters = parameterCounts(file.model).total;
  const checkpointBytes = checkpointCount(file, steps) * parameters * bytesPerSavedParameter;
  const misfit = whyItDoesNotFit(file.model, limits, options, machine?.memoryTotalBytes);
  const sentences = context.trouble === undefined ? [] : [context.trouble];
  if (slurm) sentences.push(slurmSentence(slurm));
  if (misfit) sentences.push(misfit, whatWouldFit(file, limits, options, machine));
  const diskFits = !probe || checkpointBytes <= probe.diskFreeBytes;
  if (machine && !misfit && plannedBytes > machine.memoryFreeBytes) {
    const [needed, free] = formatBytesAlike([plannedBytes, machine.memoryFreeBytes]);
    sentences.push(
      `The run needs ${needed} of memory, and ${free} are free on ${context.node} now. ` +
        'Wait until other work there has ended, or choose another node.',
    );
  }
  if (probe && !diskFits) {
    const [needed, free] = formatBytesAlike([checkpointBytes, probe.diskFreeBytes]);
    sentences.push(
      `Checkpoints need ${needed} of disk, and ${free} are free on ${context.node}. ` +
        'Free space there, keep fewer with "checkpoints.keep", or choose another node.',
    );
  }
  if (context.noData) sentences.push(context.noData);
  if (context.waits) sentences.push(context.waits);
  const epochs =
    file.data.tokens === null ? undefined : whyEpochs(file.data.tokens, tokens / file.data.tokens);
  if (epochs) sentences.push(epochs);
  sentences.push(...(probe?.warnings ?? []));
  return {
    name: file.name,
    data: file.data.source,
    steps,
    tokens,
    parameters,
    phases: file.phases.map((phase, index) => ({
      objective: phase.objective,
      from: phaseStart(file.phases, index),
      until: phase.until,
      ...(phase.objective === 'clm' ? {} : { maskRatio: [...phase.maskRatio] }),
    })),
    schedule: {
      warmup: file.schedule.warmup,
      decayStart: decayStart(file.schedule, steps),
      peak: file.schedule.peak,
    },
    plannedBytes,
    checkpointBytes,
    memoryFreeBytes: machine?.memoryFreeBytes ?? null,
    diskFreeBytes: probe?.diskFreeBytes ?? null,
    fits: misfit || context.noData ? false : probe ? diskFits : null,
    sentences,
    secondsExpected: context.tokensPerSecond ? tokens / context.tokensPerSecond : null,
    node: context.node,
    setup: context.setup,
    differences: lastRun ? runDifferences(lastRun.file, file) : [],
    lastRun: lastRun?.name ?? null,
  };
}

/** fp32 weights and the two moments of AdamW. */
const bytesPerSavedParameter = 12;

function checkpointCount(file: ResolvedRunFile, steps: number): number {
  const { every, keep, at } = file.checkpoints;
  const regular = Math.min(Math.ceil(steps / every), keep);
  // One more is there while the oldest is not deleted yet.
  return regular + at.filter((step) => step <= steps).length + 1;
}

/** The trainer's choice: few enough samples a pass for the engine's memory, where the file leaves it to the trainer. */
function passLimits(file: ResolvedRunFile, options: PlanOptions): PlanLimits {
  const { length } = file.data.packing;
  const { microBatch } = file.engine;
  if (microBatch !== 'auto') return limitsOf(file, Math.min(microBatch, file.batch.samples));
  let samples = Math.max(1, Math.min(file.batch.samples, Math.floor(passTokens / length)));
  while (samples > 1 && whyItDoesNotFit(file.model, limitsOf(file, samples), options))
    samples = Math.floor(samples / 2);
  return limitsOf(file, samples);
}

function limitsOf(file: ResolvedRunFile, samples: number): PlanLimits {
  const { length, documentAttention } = file.data.packing;
  const tokens = samples * length;
  return { tokens, length, samples: documentAttention ? tokens : samples, lossPositions: tokens };
}

/** What to do about a run that does not fit: the largest micro-batch that does, else a smaller model. */
function whatWouldFit(
  file: ResolvedRunFile,
  { tokens }: PlanLimits,
  options: PlanOptions,
  probe: Probe | null,
): string {
  const fits = (samples: number, memoryBytes?: number): boolean =>
    !whyItDoesNotFit(file.model, limitsOf(file, samples), options, memoryBytes);
  let samples = tokens / file.data.packing.length;
  while (samples >= 1 && !fits(samples, probe?.memoryTotalBytes)) samples = Math.floor(samples / 2);
  if (samples >= 1) return `Set "engine.microBatch" to ${samples}.`;
  return fits(1)
    ? 'Choose a smaller model, or a node with more memory.'
    : 'Choose a smaller model, or a smaller "data.packing.length".';
}
