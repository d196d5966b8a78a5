import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify as stringifyYaml } from 'yaml';
import { thisMachine } from '../../agent/processTable.ts';
import { ForegroundSegment } from '../../agent/wrapper/foregroundSegment.ts';
import { BiphaseError, toBiphaseError } from '../../core/errors.ts';
import { homePath } from '../../core/homePath.ts';
import { localPath, withAbsolutePaths } from '../../core/localPaths.ts';
import { refuseNewer } from '../../core/newerSchema.ts';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { presetRunFile, presetText, studyPreset, studyPresets } from '../../core/studyPresets.ts';
import {
  exitCodes,
  isRunId,
  runFiles,
  type Spec,
  type Staged,
  specSchema,
} from '../../protocol/runDirectory.ts';
import type { RunFile } from '../../protocol/runFile.ts';
import { bundleHash } from '../../trainer/training/bundleIdentity.ts';
import { runPretraining } from '../../trainer/training/pretrain.ts';
import { checkNotBegun, firstFreeSegment } from '../../trainer/training/segments.ts';
import type { Command } from '../command.ts';
import { makeNamedFolder } from '../makeNamedFolder.ts';
import { type ParsedOptions, parseOptions } from '../options.ts';
import { defaultRoot, rootOf } from '../places.ts';
import { ProgressLine } from '../progressLine.ts';
import { readRunFile, readStructured } from '../readRunFile.ts';

function newRunId(): string {
  const date = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  const letters = '0123456789abcdefghijklmnopqrstuvwxyz';
  return `${date}-${[...randomBytes(8)].map((byte) => letters[byte % letters.length]).join('')}`;
}

function readSpec(runFolder: string): Spec | null {
  const file = path.join(runFolder, runFiles.spec);
  if (!fs.existsSync(file)) return null;
  const parsed = specSchema.safeParse(readStructured(file));
  if (!parsed.success) throw new BiphaseError('damaged', `${file} is not a run's spec.json.`);
  refuseNewer(parsed.data);
  return parsed.data;
}

/** A path that a person wrote means the same after the run directory is all that is left. */
function absoluteSource(file: unknown): unknown {
  const written = parseRunFile(file);
  const { source } = written.data;
  if (/^(world(:|$)|hub:|cache:)/.test(source)) return file;
  if (localPath(source) !== undefined) return withAbsolutePaths(file, process.cwd());
  return { ...written, data: { ...written.data, source: path.resolve(homePath(source, os.homedir())) } };
}

/** Makes the run directory where it is missing and writes its spec.json, as a launcher does. */
function newRun(
  file: unknown,
  runDir: string | undefined,
  staged?: Staged,
): { runFolder: string; spec: Spec } {
  const checked = absoluteSource(file);
  const { name } = resolveRunFile(parseRunFile(checked));
  const base = runDir === undefined ? '' : path.basename(runDir);
  const id = isRunId(base) ? base : newRunId();
  const runFolder = runDir ?? path.join(defaultRoot(), 'runs', id);
  makeNamedFolder(runFolder, 'Choose another --run-dir.');
  const spec: Spec = {
    schema: 1,
    id,
    name,
    kind: 'pretrain',
    createdAt: Date.now() / 1000,
    bundle: bundleHash(),
    file: checked as Record<string, unknown>,
    ...(staged ? { staged } : {}),
  };
  fs.writeFileSync(path.join(runFolder, runFiles.spec), `${JSON.stringify(spec, null, 1)}\n`, {
    mode: 0o600,
  });
  return { runFolder, spec };
}

/** Finds what to run from FILE or a preset and --run-dir: a new run, or the one that a folder holds. */
function findRun(
  given: string | RunFile | undefined,
  runDir: string | undefined,
): { runFolder: string; spec: Spec } {
  if (given === undefined) {
    if (runDir === undefined)
      throw new BiphaseError('usage', 'Give a run file, or --run-dir with a run directory.');
    const spec = readSpec(runDir);
    if (!spec) throw new BiphaseError('usage', `There is no ${runFiles.spec} in ${runDir}: give a run file.`);
    return { runFolder: runDir, spec };
  }
  const content = typeof given === 'string' ? readRunFile(given) : given;
  if (typeof given === 'string' && path.basename(given) === runFiles.spec) {
    const { data: spec } = specSchema.safeParse(content);
    if (spec) {
      refuseNewer(spec);
      const runFolder = path.resolve(path.dirname(given));
      return runDir !== undefined && path.resolve(runDir) !== runFolder
        ? newRun(spec.file, runDir, spec.staged)
        : { runFolder, spec };
    }
  }
  const existing = runDir === undefined ? null : readSpec(runDir);
  if (!existing || runDir === undefined) return newRun(content, runDir);
  if (JSON.stringify(absoluteSource(content)) !== JSON.stringify(absoluteSource(existing.file)))
    throw new BiphaseError('usage', `${runDir} holds another run (${existing.name}).`, {
      next: 'Choose another --run-dir.',
    });
  return { runFolder: runDir, spec: existing };
}

const optionTable = {
  'run-dir': { type: 'string' },
  resume: { type: 'boolean' },
  // The wrapper's: it writes state.json and exit.json itself.
  wrapped: { type: 'boolean' },
  preset: { type: 'string' },
  data: { type: 'string' },
  from: { type: 'string' },
  print: { type: 'boolean' },
  presets: { type: 'boolean' },
} as const;

/** The file of `--preset`, or undefined where a FILE is run. @throws BiphaseError `usage` */
function presetFile(options: ParsedOptions): RunFile | undefined {
  const id = options.values.get('preset');
  if (id === undefined) {
    for (const name of ['data', 'from'])
      if (options.values.has(name))
        throw new BiphaseError('usage', `Option --${name} changes a preset; in a run file write it there.`);
    if (options.flags.has('print')) throw new BiphaseError('usage', 'Option --print needs --preset.');
    return undefined;
  }
  if (options.positionals.length > 0)
    throw new BiphaseError('usage', 'Give a run file or --preset, not both.');
  return presetRunFile(studyPreset(id), {
    source: options.values.get('data'),
    checkpoint: options.values.get('from'),
  });
}

function listPresets(): number {
  const width = Math.max(...studyPresets.map(({ id }) => id.length));
  for (const preset of studyPresets)
    process.stdout.write(`${preset.id.padEnd(width)}  ${presetText(preset)}\n`);
  return exitCodes.finished;
}

/** Trains one segment. `cutShort` records an end that does not wait for a checkpoint. */
function train(
  spec: Spec,
  runFolder: string,
  resume: boolean,
  cutShort: (signal: string) => Promise<void>,
): Promise<number> {
  const line = new ProgressLine(process.stderr);
  let signals = 0;
  return runPretraining({
    file: spec.file,
    staged: spec.staged,
    runFolder,
    runId: spec.id,
    root: rootOf(runFolder),
    resume,
    onProgress: (progress) => line.show(spec.name, progress),
    onNotice: (sentence) => line.notice(sentence),
    onStoppable: (stop) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const)
        process.on(signal, () => {
          signals++;
          stop();
          // A second Ctrl+C does not wait for the checkpoint.
          if (signals > 1 && signal === 'SIGINT') void cutShort(signal).finally(() => process.exit(130));
        });
    },
  }).finally(() => line.end());
}

/** Another process records the end, or nobody. */
const unrecorded = (): Promise<void> => Promise.resolve();

/** Trains as its own wrapper: how it goes and ends stands in the run's directory, where nodes look. */
async function trainAlone(spec: Spec, runFolder: string, resume: boolean): Promise<number> {
  // Before anything is recorded: the run that stands there keeps its own end.
  if (!resume) checkNotBegun(runFolder);
  // Windows is no node: nobody looks, and its processes have no identity here.
  if (process.platform === 'win32') return train(spec, runFolder, resume, unrecorded);
  const segment = new ForegroundSegment({
    runDirectory: runFolder,
    firstFree: firstFreeSegment(runFolder),
    bundle: bundleHash(),
    table: thisMachine,
  });
  try {
    const code = await train(spec, runFolder, resume, (signal) => segment.end({ code: null, signal }));
    await segment.end({ code, signal: null });
    return code;
  } catch (thrown) {
    const { kind, message } = toBiphaseError(thrown);
    const code = kind === 'usage' ? exitCodes.usage : exitCodes.failed;
    await segment.end({ code, signal: null, error: message });
    throw thrown;
  }
}

async function run(args: string[]): Promise<number> {
  const options = parseOptions(args, optionTable, 1);
  if (options.flags.has('presets')) return listPresets();
  const preset = presetFile(options);
  if (preset && options.flags.has('print')) {
    process.stdout.write(stringifyYaml(preset));
    return exitCodes.finished;
  }
  process.umask(0o077);
  const runDir = options.values.get('run-dir');
  const { runFolder, spec } = findRun(
    preset ?? options.positionals[0],
    runDir === undefined ? undefined : path.resolve(runDir),
  );
  const resume = options.flags.has('resume');
  const wrapped = options.flags.has('wrapped');
  const code = wrapped
    ? await train(spec, runFolder, resume, unrecorded)
    : await trainAlone(spec, runFolder, resume);
  process.stderr.write(`${runFolder}\n`);
  return code;
}

export const command: Command = {
  name: 'pretrain',
  summary: 'one pretraining run in the foreground',
  help: `
biphase pretrain FILE [--run-dir DIR] [--resume]
biphase pretrain --preset NAME [--data SOURCE] [--from CHECKPOINT] [--print]

Runs a pretraining run here and now. FILE is a run file (YAML or JSON) or the spec.json of a run directory; without it,
the spec.json in --run-dir is used. Ctrl+C saves a checkpoint and stops; --resume goes on from the last one.

  --run-dir DIR   where the run's files go (default: ~/.biphase/runs/<new id>)
  --resume        a new segment from the last complete checkpoint, else from step 0
  --preset NAME   a run of arXiv 2507.00994 instead of FILE: paper/… at its size, micro/… on a laptop
  --data SOURCE   the preset's data.source
  --from CKPT     <run id>@<step> or a folder: where the preset starts
  --print         prints the preset's run file and runs nothing
  --presets       lists the presets

Exit codes: 0 finished, 3 stopped, 2 the run file cannot be, 1 anything else.

  biphase pretrain examples/clm-then-mlm.run.yaml --run-dir /tmp/run
  biphase pretrain --preset micro/micro-clm-100-mlm40-420
`,
  run,
};
