import type { ResolvedPhase, ResolvedRunFile } from '../protocol/runFile.ts';
import { phaseStart } from './phases.ts';
import {
  type Aspect,
  engineAspects,
  fileAspects,
  laterAspects,
  modelAspects,
  overviewAspects,
  phaseAspects,
  phaseText,
  type Reason,
  shapeAspects,
} from './specAspects.ts';

/**
 * What makes a run another experiment than one before it, as "peak learning rate: 1e-3 → 3e-3". Defaults count as if
 * they were written out. The name and how it is computed (engine, threads, micro-batch) are left out.
 */
export function runDifferences(before: ResolvedRunFile, now: ResolvedRunFile): string[] {
  const ownShape = [before, now].some(({ modelName }) => modelName === 'custom');
  return [
    ...changes(modelAspects, before, now),
    ...(ownShape ? changes(shapeAspects, before, now) : []),
    ...changes(fileAspects, before, now),
    ...phaseChanges(before.phases, now.phases),
    ...changes(laterAspects, before, now),
  ];
}

function changes<T>(of: readonly Aspect<T>[], before: T, now: T): string[] {
  return of
    .map(({ label, of: text }) => ({ label, old: text(before), fresh: text(now) }))
    .filter(({ old, fresh }) => old !== fresh)
    .map(({ label, old, fresh }) => `${label}: ${old} → ${fresh}`);
}

/** Phases at both ends that have the same objective are the same phase; of the others the old ones were removed. */
function phaseChanges(before: readonly ResolvedPhase[], now: readonly ResolvedPhase[]): string[] {
  const shorter = Math.min(before.length, now.length);
  const same = (i: number, j: number): boolean => before.at(i)?.objective === now.at(j)?.objective;
  let first = 0;
  while (first < shorter && same(first, first)) first++;
  let last = 0;
  while (last < shorter - first && same(-1 - last, -1 - last)) last++;
  const pairs = [
    ...Array.from({ length: first }, (_, i): [number, number] => [i, i]),
    ...Array.from({ length: last }, (_, i): [number, number] => [
      before.length - last + i,
      now.length - last + i,
    ]),
  ];
  const changed = pairs.flatMap(([i, j]) =>
    changes(phaseAspects, before[i], now[j]).map(
      (change) => `phase ${j + 1} (${now[j].objective}), ${change}`,
    ),
  );
  const between = (phases: readonly ResolvedPhase[], what: string): string[] =>
    phases
      .slice(first, phases.length - last)
      .map((phase, i) => `phase ${what}: ${phaseText(phase, phaseStart(phases, first + i))}`);
  return [...between(before, 'removed'), ...between(now, 'added'), ...changed];
}

/** How the key of an aspect is put together: reason, section and label. No label has it. */
const keySeparator = ' › ';

/** One row of a comparison of run files. */
export interface SpecRow {
  /** The same in every comparison. */
  key: string;
  reason: Reason;
  section: string;
  label: string;
  /** One a run, as it is shown; undefined where a run has nothing to say here. */
  texts: readonly (string | undefined)[];
  differs: boolean;
}

/** Where a run ran and with which code. */
export interface RunPlace {
  node: string;
  /** Hash of the bundle that it was launched with. */
  bundle: string;
}

/**
 * Everything by which a run can differ from others, as key and text, in the order in which it is shown. Defaults are
 * written out. A file that could not be read (null) still has its code and place.
 */
export function specTexts(file: ResolvedRunFile | null, { node, bundle }: RunPlace): Record<string, string> {
  const texts: Record<string, string> = {};
  const add = <T>(aspects: readonly Aspect<T>[], of: T, prefix = ''): void => {
    for (const { reason, section, label, of: text } of aspects) {
      const said = text(of);
      if (said !== '') texts[[reason, section, prefix + label].join(keySeparator)] = said;
    }
  };
  if (file) {
    add(modelAspects, file);
    add(overviewAspects, file);
    add(shapeAspects, file);
    for (const [index, phase] of file.phases.entries()) {
      texts[['setup', 'Phases', `phase ${index + 1}`].join(keySeparator)] = phase.objective;
      add(phaseAspects, phase, `phase ${index + 1}, `);
    }
    add(fileAspects, file);
    add(laterAspects, file);
  }
  texts[['code', 'Code', 'bundle'].join(keySeparator)] = bundle;
  texts[['place', 'Place', 'node'].join(keySeparator)] = node;
  if (file) add(engineAspects, file);
  return texts;
}

/** Joins what `specTexts` says of any number of runs; null: nothing is known of one yet, and it makes no difference. */
export function specRows(runs: readonly (Readonly<Record<string, string>> | null)[]): SpecRow[] {
  const keys: string[] = [];
  const known = new Set<string>();
  for (const texts of runs) {
    let before = -1;
    for (const key of Object.keys(texts ?? {})) {
      if (known.has(key)) before = keys[before + 1] === key ? before + 1 : keys.indexOf(key);
      else {
        // Behind its neighbour: a third phase stands with the phases of the others.
        keys.splice(++before, 0, key);
        known.add(key);
      }
    }
  }
  return keys.map((key) => {
    const [reason, section, ...label] = key.split(keySeparator) as [Reason, string, ...string[]];
    const texts = new Array<string | undefined>(runs.length).fill(undefined);
    let first = -1;
    let differs = false;
    // A thousand runs and fifty keys are compared anew with each portion of news: nothing is made for a run.
    for (let i = 0; i < runs.length; i++) {
      const run = runs[i];
      if (!run) continue;
      texts[i] = run[key];
      if (first < 0) first = i;
      else if (texts[i] !== texts[first]) differs = true;
    }
    return { key, reason, section, label: label.join(keySeparator), texts, differs };
  });
}
