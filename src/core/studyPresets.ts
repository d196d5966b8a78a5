import type { RunFile, RunFilePhase } from '../protocol/runFile.ts';
import { BiphaseError } from './errors.ts';
import type { ModelPresetName } from './modelPresets.ts';
import { deriveName, maskRatioName, stepsName } from './runNames.ts';
import { nearest } from './unknownKeys.ts';

/**
 * The pretraining runs of arXiv 2507.00994 as run files, at the paper's size (`paper/…`) and at a hundredth of its steps
 * on models for laptops (`micro/…`): 38 runs each, and 12 checkpoints on the way that the paper evaluates too.
 */
export interface StudyPreset {
  /** `<family>/<name>` */
  id: string;
  /** As the paper names runs; a trailing `-N` is the checkpoint of step N on the way. */
  name: string;
  /** The run that makes it; differs from `name` for a checkpoint on the way. */
  run: string;
  /** The step of the checkpoint that the name means: the run's last, or one on the way. */
  step: number;
  phases: RunFilePhase[];
  model: ModelPresetName;
  /** The run whose last checkpoint it continues. */
  parent: string | null;
  /** Stable checkpoints that other runs of the study branch off from, or that are evaluated. */
  keepAt: number[];
}

interface Family {
  /** The study's three sizes, and the one that it does everything else with. */
  sizes: readonly ModelPresetName[];
  main: ModelPresetName;
  /** Steps are the paper's divided by this. */
  divisor: number;
  /** Steps between checkpoints, and between validations: often enough for a curve, seldom enough to cost little. */
  every: { checkpoint: number; validate: number };
  data: RunFile['data'];
}

const families: Record<string, Family> = {
  paper: {
    sizes: ['210m', '610m', '1b'],
    main: '610m',
    divisor: 1,
    every: { checkpoint: 1000, validate: 500 },
    // The paper names FineWeb-Edu, not which part of it.
    data: {
      source: 'hub:HuggingFaceFW/fineweb-edu/sample-350BT',
      tokenizer: 'hub:EuroBERT/EuroBERT-610m',
    },
  },
  micro: {
    sizes: ['micro', 'mini', 'small'],
    main: 'micro',
    divisor: 100,
    every: { checkpoint: 60, validate: 20 },
    data: { source: 'world' },
  },
};

const fullSteps = 42_000;
const warmupSteps = 2000;
const decaySteps = 2000;
const maskRatios = [0.2, 0.3, 0.4, 0.5];
/** CLM steps of the two-stage runs of each budget. */
const splits: Record<number, readonly number[]> = {
  12000: [3000, 6000, 9000],
  22000: [5000, 11_000, 17_000],
  42000: [10_000, 21_000, 32_000],
};
const budgets = [12_000, 22_000];
const continuedSteps = [2000, 12_000, 22_000];
const evaluatedSteps = [1000, 2000, 5000, 10_000, 20_000, 40_000];

const clm = (until: number): RunFilePhase => ({ objective: 'clm', until });
const mlm = (until: number, maskRatio = 0.4): RunFilePhase => ({ objective: 'mlm', maskRatio, until });

/** Steps at which the main CLM run is left for every split, budget and ratio, and those that are evaluated. */
const clmTrunkSteps = [
  ...new Set([...Object.values(splits).flat(), ...budgets.map((b) => b - decaySteps), ...evaluatedSteps]),
].sort((a, b) => a - b);
const mlmTrunkSteps = evaluatedSteps;

function presetsOf(family: string): StudyPreset[] {
  const { sizes, main, divisor } = families[family];
  const scaled = (phases: RunFilePhase[]): RunFilePhase[] =>
    phases.map((phase) => ({ ...phase, until: phase.until / divisor }));
  const make = (
    model: ModelPresetName,
    written: RunFilePhase[],
    keepAt: readonly number[] = [],
  ): StudyPreset => {
    const phases = scaled(written);
    const name = deriveName(model, phases);
    const step = phases.at(-1)?.until ?? 0;
    const kept = keepAt.map((at) => at / divisor);
    return { id: `${family}/${name}`, name, run: name, step, phases, model, parent: null, keepAt: kept };
  };
  const trunks = [make(main, [clm(fullSteps)], clmTrunkSteps), make(main, [mlm(fullSteps)], mlmTrunkSteps)];
  const base = sizes.flatMap((model) => [
    make(model, [clm(fullSteps)]),
    ...maskRatios.map((ratio) => make(model, [mlm(fullSteps, ratio)])),
  ]);
  const twoStage = [
    ...budgets.flatMap((total) => [make(main, [clm(total)]), make(main, [mlm(total)])]),
    ...Object.entries(splits).flatMap(([total, firsts]) =>
      firsts.map((first) => make(main, [clm(first), mlm(Number(total))])),
    ),
    ...maskRatios.map((ratio) => make(main, [clm(fullSteps - decaySteps), mlm(fullSteps, ratio)])),
  ];
  const continued = trunks.flatMap((trunk) =>
    continuedSteps.map((more) => {
      const preset = make(main, [mlm(more)]);
      const parent = { name: trunk.name, steps: trunk.step, step: trunk.step, decayed: true };
      const name = deriveName(main, preset.phases, parent);
      return { ...preset, id: `${family}/${name}`, name, run: name, parent: trunk.name };
    }),
  );
  const onTheWay = trunks.flatMap((trunk) =>
    evaluatedSteps.map((at) => {
      const step = at / divisor;
      const name = `${trunk.name}-${step}`;
      return { ...trunk, id: `${family}/${name}`, name, step };
    }),
  );
  const kept = (preset: StudyPreset): StudyPreset =>
    trunks.find(({ name }) => name === preset.name) ?? preset;
  return [...base.map(kept), ...twoStage, ...continued, ...onTheWay];
}

/** All presets: the runs of each family first, then the checkpoints on the way. */
export const studyPresets: readonly StudyPreset[] = Object.keys(families).flatMap(presetsOf);

/** @throws BiphaseError `usage` naming the nearest one */
export function studyPreset(id: string): StudyPreset {
  const preset = studyPresets.find((p) => p.id === id);
  if (preset) return preset;
  const near = nearest(
    id,
    studyPresets.map((p) => p.id),
  );
  throw new BiphaseError('usage', `There is no preset "${id}". Did you mean "${near}"?`);
}

/**
 * The run file of a preset.
 * @param checkpoint where to start: needed where the run continues another's last checkpoint; for any other run a stable
 * checkpoint on its way, whose schedule goes on
 * @throws BiphaseError `usage`
 */
export function presetRunFile(
  { id, run, model, phases, parent, keepAt }: StudyPreset,
  options: { source?: string | undefined; checkpoint?: string | undefined } = {},
): RunFile {
  const { source, checkpoint } = options;
  if (parent !== null && checkpoint === undefined)
    throw new BiphaseError('usage', `${id} continues ${parent}: give the last checkpoint of that run.`);
  const family = families[id.split('/')[0]];
  const { divisor, every } = family;
  const schedule = { warmup: warmupSteps / divisor, decay: decaySteps / divisor, shape: 'linear' as const };
  return {
    name: run,
    model,
    ...(checkpoint === undefined
      ? {}
      : { from: { checkpoint, schedule: parent === null ? ('continue' as const) : ('restart' as const) } }),
    data: { ...family.data, ...(source === undefined ? {} : { source }) },
    phases,
    // Rate and warm-up of continued pretraining are not published: the run file's defaults.
    ...(parent === null ? { schedule } : {}),
    checkpoints: { every: every.checkpoint, ...(keepAt.length > 0 ? { at: keepAt } : {}) },
    validate: { every: every.validate },
  };
}

/** What the name of a preset says of its objectives, for lists: "clm until 10k, mlm40 until 42k". */
export function presetText({ phases, parent, run, name, step }: StudyPreset): string {
  const text = phases
    .map((phase) => {
      const objective = phase.objective === 'mlm' ? maskRatioName(Number(phase.maskRatio)) : phase.objective;
      return `${objective} until ${stepsName(phase.until)}`;
    })
    .join(', ');
  if (name !== run) return `step ${step} of ${run}`;
  return parent === null ? text : `${text}, from the end of ${parent}`;
}
