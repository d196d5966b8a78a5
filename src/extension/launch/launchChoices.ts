import { type ModelPresetName, modelPresets } from '../../core/modelPresets.ts';
import { formatBytes, formatCompact } from '../../core/numberFormat.ts';
import { parameterCounts } from '../../core/parameterCounts.ts';

export type SetupId = 'clm' | 'mlm' | 'clm-mlm' | 'continue' | 'file';

/** The first pick of the wizard. Findings are those of arXiv 2507.00994. */
export const setups: readonly { id: SetupId; label: string; detail: string }[] = [
  {
    id: 'clm',
    label: 'CLM',
    detail: 'Predict the next token. The paper: ahead of MLM early in training, and on token classification.',
  },
  {
    id: 'mlm',
    label: 'MLM',
    detail:
      'Predict masked tokens, 40 % of all. The paper: usually the better encoder, most of all for questions.',
  },
  {
    id: 'clm-mlm',
    label: 'CLM → MLM',
    detail: 'CLM for the first quarter, then MLM. The paper: better than MLM alone at the same budget.',
  },
  {
    id: 'continue',
    label: 'Continue pretraining',
    detail:
      'MLM from a checkpoint of an earlier run. The paper: best when the checkpoint was trained with CLM.',
  },
  { id: 'file', label: 'From file', detail: 'A run file of this workspace, or any other.' },
];

/** Steps the wizard fills in: the paper's for its sizes, few for a quick look. Everything else is the run file's default. */
export const wizardSteps: Record<ModelPresetName, number> = {
  micro: 600,
  mini: 2000,
  small: 5000,
  '210m': 42_000,
  '610m': 42_000,
  '1b': 42_000,
};

/** "76K parameters · 1.2 MiB for weights, gradients and moments": what stands beside a model in the pick. */
export function modelDescription(name: ModelPresetName): string {
  const { shape, vocabSize, defaults } = modelPresets[name];
  const { total } = parameterCounts({
    ...shape,
    vocabSize: vocabSize ?? defaults.tokenizerVocabSize,
    tieEmbeddings: false,
    ropeTheta: 10_000,
    normEps: 1e-5,
    context: defaults.packingLength,
  });
  // fp32 weights, gradients and two moments; activations depend on the batch and are on the check page.
  return `${formatCompact(total)} parameters · ${formatBytes(16 * total)} for weights, gradients and moments`;
}

/** Everything that the wizard's picks decide. */
export interface LaunchChoice {
  setup: Exclude<SetupId, 'file'>;
  /** A preset's name, or the shape of the run that is continued. */
  model: unknown;
  steps: number;
  /** As `data.source` takes it. */
  source: string;
  /** `data.column`; default: text. */
  column?: string;
  /** `<run>@<step>`, with setup `continue`. */
  checkpoint?: string;
}

function phaseLines({ setup, steps }: Pick<LaunchChoice, 'setup' | 'steps'>): string[] {
  const mlm = (until: number): string => `  - {objective: mlm, maskRatio: 0.4, until: ${until}}`;
  switch (setup) {
    case 'clm':
      return [`  - {objective: clm, until: ${steps}}`];
    case 'clm-mlm':
      return [`  - {objective: clm, until: ${Math.round(steps / 4)}}`, mlm(steps)];
    default:
      return [mlm(steps)];
  }
}

/** A scalar that YAML reads back as this very string. */
function yamlString(text: string): string {
  return /^[A-Za-z0-9_./@-]+$/.test(text) && !/^[-\d.]/.test(text) ? text : JSON.stringify(text);
}

/** The run file that the picks stand for, as a person would write it. */
export function runFileText(choice: LaunchChoice): string {
  const { model } = choice;
  const lines = [`model: ${typeof model === 'string' ? model : JSON.stringify(model)}`];
  if (choice.checkpoint) lines.push('from:', `  checkpoint: ${yamlString(choice.checkpoint)}`);
  lines.push('data:', `  source: ${yamlString(choice.source)}`);
  if (choice.column !== undefined) lines.push(`  column: ${yamlString(choice.column)}`);
  return [...lines, 'phases:', ...phaseLines(choice), ''].join('\n');
}

/** What the wizard opens for a model that no preset names: a shape to change, under the setup that was picked. */
export function ownShapeText(setup: LaunchChoice['setup']): string {
  return [
    '# A run with a model of your own. Hover a key for its meaning; then Launch from File.',
    'model:',
    '  hiddenSize: 256                 # width of the residual stream',
    '  layers: 4',
    '  heads: 4                        # divides hiddenSize',
    '  intermediateSize: 704           # width of the feed-forward',
    'data:',
    '  source: world                   # built in; or a path on the node, local:PATH, hub:OWNER/NAME',
    '  tokenizer: {train: {vocabSize: 4096}}',
    'batch: {samples: 32}',
    'phases:                           # in order; steps are absolute',
    ...phaseLines({ setup, steps: wizardSteps.mini }),
    '',
  ].join('\n');
}

/** What *New Run File* opens: short, with the choices beside each line. */
export const newRunFileText = `# A run: what is trained, on what, and how. Hover a key for its meaning.
model: micro                      # micro, mini, small, 210m, 610m, 1b, or a shape of your own
data:
  source: world                   # built in; or a path on the node, local:PATH, hub:OWNER/NAME
phases:                           # in order; steps are absolute
  - {objective: clm, until: 150}
  - {objective: mlm, maskRatio: 0.4, until: 600}
`;
