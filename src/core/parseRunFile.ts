import type { z } from 'zod';
import { modelPresetNames, type RunFile, runFileSchema } from '../protocol/runFile.ts';
import { BiphaseError } from './errors.ts';
import { nearest } from './unknownKeys.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** A schema as zod holds it, as far as walking to the known keys of a path needs it. */
interface SchemaNode {
  _zod: {
    def: {
      type: string;
      shape?: Record<string, SchemaNode>;
      element?: SchemaNode;
      innerType?: SchemaNode;
      options?: SchemaNode[];
      values?: unknown[];
    };
  };
}

/** Words of other trainers, in small letters without `_`, and where a run file says it. */
const otherWords: Record<string, string> = {
  lr: 'schedule.peak',
  learningrate: 'schedule.peak',
  maxlr: 'schedule.peak',
  peaklr: 'schedule.peak',
  steps: 'phases[0].until',
  maxsteps: 'phases[0].until',
  numsteps: 'phases[0].until',
  trainsteps: 'phases[0].until',
  epochs: 'phases[0].until',
  objective: 'phases[0].objective',
  batchsize: 'batch.samples',
  warmupsteps: 'schedule.warmup',
  warmup: 'schedule.warmup',
  weightdecay: 'optimizer.weightDecay',
  dataset: 'data.source',
  source: 'data.source',
  seqlen: 'data.packing.length',
  sequencelength: 'data.packing.length',
  maskratio: 'phases[0].maskRatio',
  mlmprobability: 'phases[0].maskRatio',
};

/** `phases[1].maskRatio` */
export function pathText(path: Path): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (v, key) => (v !== null && typeof v === 'object' ? (v as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}

/** Keys that the schema knows at a path of `value`; of a union of phases, those of the objective that is written. */
function knownKeys(schema: SchemaNode, path: Path, value: unknown): string[] {
  const { def } = schema._zod;
  if (def.innerType) return knownKeys(def.innerType, path, value);
  if (def.options) {
    const objective = (valueAt(value, []) as { objective?: unknown } | undefined)?.objective;
    const fitting = def.options.filter((option) => {
      const literal = option._zod.def.shape?.objective?._zod.def.values;
      return literal?.includes(objective);
    });
    const chosen = fitting.length > 0 ? fitting : def.options;
    return [...new Set(chosen.flatMap((option) => knownKeys(option, path, value)))];
  }
  if (path.length === 0) return Object.keys(def.shape ?? {});
  const [key, ...rest] = path;
  const next = def.element ?? def.shape?.[String(key)];
  return next ? knownKeys(next, rest, valueAt(value, [key])) : [];
}

function show(value: unknown): string {
  // JSON would call NaN and the infinities null.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function question(near: string | undefined): string {
  return near === undefined ? '' : ` Did you mean "${near}"?`;
}

function unknownKeySentence(keys: readonly string[], path: Path, file: unknown): string {
  const key = keys[0];
  const where = path.length === 0 ? 'the run file' : pathText(path);
  const objective = (valueAt(file, path) as { objective?: unknown } | undefined)?.objective;
  if (path[0] === 'phases' && objective === 'clm' && (key === 'maskRatio' || key === 'replacement'))
    return `Unknown key "${key}" in ${where}: it belongs to objective mlm, not clm.`;
  const near =
    nearest(key, knownKeys(runFileSchema as unknown as SchemaNode, path, file)) ??
    otherWords[key.toLowerCase().replaceAll('_', '')];
  return `Unknown key ${show(key)} in ${where}.${question(near)}`;
}

/** Of a union's branches, the one that the value has the shape of: its faults lie inside, not at its root. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => issues.every((i) => i.path.length > 0 || i.code === 'unrecognized_keys'));
}

function unknownKeysFirst(issues: readonly Issue[]): Issue[] {
  const rank = (issue: Issue): number => (issue.code === 'unrecognized_keys' ? 0 : 1);
  return [...issues].sort((a, b) => rank(a) - rank(b));
}

function sentence(issue: Issue, above: Path, file: unknown): string {
  const path = [...above, ...issue.path];
  const name = path.length === 0 ? 'The run file' : `"${pathText(path)}"`;
  const value = valueAt(file, path);
  if (issue.code === 'unrecognized_keys') return unknownKeySentence(issue.keys, path, file);
  if (issue.code === 'invalid_union') {
    if (path.at(-1) === 'objective') {
      if (value === undefined) return `${name} is missing: clm, mlm or mixed.`;
      const near = nearest(String(value), ['clm', 'mlm', 'mixed']);
      return `${name} must be clm, mlm or mixed, not ${show(value)}.${question(near)}`;
    }
    const branch = value === undefined ? undefined : bestBranch(issue.errors);
    if (branch) return sentence(unknownKeysFirst(branch)[0], path, file);
    if (path.length === 1 && path[0] === 'model' && typeof value === 'string') {
      const near = nearest(value, modelPresetNames);
      return `Unknown model ${show(value)}.${question(near) || ` There are ${modelPresetNames.join(', ')}.`}`;
    }
    return value === undefined ? `${name} is missing.` : `${name} cannot be ${show(value)}.`;
  }
  if (value === undefined && issue.code !== 'custom') return `${name} is missing.`;
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map(String);
    const near = typeof value === 'string' ? nearest(value, allowed) : undefined;
    return `${name} must be ${allowed.join(' or ')}, not ${show(value)}.${question(near)}`;
  }
  if (issue.code === 'invalid_type') {
    const wanted = {
      int: 'a whole number',
      number: 'a number',
      string: 'text',
      object: 'a group of keys',
      array: 'a list',
    };
    const expected = wanted[issue.expected as keyof typeof wanted] ?? `a ${issue.expected}`;
    return `${name} must be ${expected}, not ${show(value)}.`;
  }
  if (issue.code === 'too_small' && issue.origin === 'string') return `${name} must not be empty.`;
  if (issue.code === 'too_small')
    return `${name} must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${
      issue.origin === 'array' ? ' long' : ''
    }, not ${show(value)}.`;
  if (issue.code === 'too_big')
    return `${name} must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${
      issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' long' : ''
    }, not ${show(value)}.`;
  if (issue.code === 'invalid_format') return `${name} ${issue.message}.`;
  return `${name}: ${issue.message}.`;
}

/** Every fault of a run file with its path; unknown keys first, for they explain others. Empty where it is right. */
export function runFileFaults(value: unknown): { path: PropertyKey[]; message: string }[] {
  const parsed = runFileSchema.safeParse(value);
  if (parsed.success) return [];
  return unknownKeysFirst(parsed.error.issues).map((issue) => ({
    path: [...issue.path],
    message: sentence(issue, [], value),
  }));
}

/**
 * Checks what a person wrote.
 * @throws BiphaseError `usage`, one sentence that names the key, its place and the nearest known key
 */
export function parseRunFile(value: unknown): RunFile {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new BiphaseError('usage', 'The run file must be a group of keys such as model, data and phases.');
  const [fault] = runFileFaults(value);
  if (fault) throw new BiphaseError('usage', fault.message);
  return runFileSchema.parse(value);
}
