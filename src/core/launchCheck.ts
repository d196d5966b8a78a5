import type { Probe } from '../protocol/agentApi.ts';
import type { LaunchCheck } from '../protocol/controlApi.ts';
import type { ResolvedRunFile } from '../protocol/runFile.ts';
import { whyEpochs } from './epochs.ts';
import { parameterCounts } from './parameterCounts.ts';
import { phaseStart, totalSteps } from './phases.ts';
import { type PlanLimits, type PlanOptions, planMemory, whyItDoesNotFit } from './plannedBytes.ts';
import { plannedTokens } from './runNames.ts';
import { decayStart } from './schedule.ts';

/** What is known of the node and of earlier runs when a launch is checked. */
export interface CheckContext {
  node: string;
  setup: string[];
  /** Null while the node is not connected. */
  probe: Probe | null;
  /** The newest run that was launched before, as its file was written, and its name. */
  lastRun: { name: string; file: unknown } | null;
  /** Measured on this node with the same model shape; null: has not run yet. */
  tokensPerSecond: number | null;
  /** One sentence where the node has no GPU free for the run. */
  noGpu: string | null;
}

/** Tokens of one pass; the trainer takes the largest micro-batch below this. */
const passTokens = 4096;
/** Threads assumed where the node is not known yet. */
const assumedThreads = 4;

/** Everything that can be said about a run before it starts. Pure: fits and times come from the context. */
export function checkLaunch(
  written: unknown,
  file: ResolvedRunFile,
  context: CheckContext,
): Omit<LaunchCheck, 'node' | 'setup'> & { node: string; setup: string[] } {
  const { probe, lastRun } = context;
  const steps = totalSteps(file.phases);
  const tokens = plannedTokens(file.phases, file.batch.samples, file.data.packing);
  const threads = file.engine.threads === 'auto' ? (probe?.cores ?? assumedThreads) : file.engine.threads;
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
  const misfit = whyItDoesNotFit(file.model, limits, options, probe?.memoryTotalBytes);
  const sentences: string[] = [];
  if (misfit) sentences.push(misfit);
  const diskFits = !probe || checkpointBytes <= probe.diskFreeBytes;
  if (probe && !misfit && plannedBytes > probe.memoryFreeBytes)
    sentences.push(
      `This run needs ${gib(plannedBytes)}; ${gib(probe.memoryFreeBytes)} of memory are free now.`,
    );
  if (probe && !diskFits)
    sentences.push(
      `Checkpoints need ${gib(checkpointBytes)}, but ${gib(probe.diskFreeBytes)} of disk are free.`,
    );
  if (context.noGpu) sentences.push(context.noGpu);
  const epochs =
    file.data.tokens === null ? undefined : whyEpochs(file.data.tokens, tokens / file.data.tokens);
  if (epochs) sentences.push(epochs);
  sentences.push(...(probe?.warnings ?? []));
  return {
    name: file.name,
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
    memoryFreeBytes: probe?.memoryFreeBytes ?? null,
    diskFreeBytes: probe?.diskFreeBytes ?? null,
    fits: misfit ? false : probe ? diskFits : null,
    sentences,
    secondsExpected: context.tokensPerSecond ? tokens / context.tokensPerSecond : null,
    node: context.node,
    setup: context.setup,
    differences: lastRun ? differences(lastRun.file, written) : [],
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
  const limitsOf = (samples: number): PlanLimits => ({
    tokens: samples * length,
    length,
    samples: file.data.packing.documentAttention ? samples * length : samples,
    lossPositions: samples * length,
  });
  if (microBatch !== 'auto') return limitsOf(Math.min(microBatch, file.batch.samples));
  let samples = Math.max(1, Math.min(file.batch.samples, Math.floor(passTokens / length)));
  while (samples > 1 && whyItDoesNotFit(file.model, limitsOf(samples), options))
    samples = Math.floor(samples / 2);
  return limitsOf(samples);
}

/** "key: before → now" for every leaf that differs, in the order of the keys. */
export function differences(before: unknown, now: unknown): string[] {
  const old = leaves(before);
  const fresh = leaves(now);
  const keys = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return keys
    .filter((key) => old.get(key) !== fresh.get(key))
    .map((key) => `${key}: ${old.get(key) ?? 'default'} → ${fresh.get(key) ?? 'default'}`);
}

function leaves(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) for (const [i, item] of value.entries()) leaves(item, `${path}[${i}]`, into);
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) leaves(item, path === '' ? key : `${path}.${key}`, into);
  else if (value !== undefined) into.set(path, String(value));
  return into;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
