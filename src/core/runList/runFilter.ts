import type { RunSummary } from '../../protocol/controlApi.ts';
import { runStates } from '../../protocol/runDirectory.ts';
import { BiphaseError } from '../errors.ts';
import { isActive } from '../runState.ts';
import { nearest } from '../unknownKeys.ts';

/** What a filter looks at. */
export type FilteredRun = Pick<
  RunSummary,
  'run' | 'name' | 'launchedName' | 'node' | 'state' | 'tags' | 'group' | 'phases'
>;

export const filterKeys = ['state', 'node', 'tag', 'objective', 'group'] as const;
type FilterKey = (typeof filterKeys)[number];

/** One condition: any of `values`, or with `not` none of them. `text` is looked for in everything that names the run. */
export interface FilterTerm {
  key: FilterKey | 'text';
  values: string[];
  not: boolean;
}

/** Runs that meet every term. */
export type RunFilter = readonly FilterTerm[];

/** Besides the states themselves. */
const stateWords = ['active', 'ended'];

/**
 * Reads "610m state:failed,lost -tag:"old one"": words, and `key:value` with commas between alternatives; a minus before
 * either turns it round; what is in quotes is text as it stands.
 * @throws BiphaseError `usage` for an unknown key or state, and for a key without a value
 */
export function parseRunFilter(text: string): RunFilter {
  const terms: FilterTerm[] = [];
  for (const [, minus, key, rest] of text.matchAll(/(-?)(?:([a-z]+):)?((?:"[^"]*"?|[^\s"])*)(?:\s+|$)/giu)) {
    const values = splitValues(rest ?? '', key !== undefined);
    const not = minus === '-';
    if (key === undefined) {
      if (values.length > 0) terms.push({ key: 'text', values, not });
      else if (not) terms.push({ key: 'text', values: ['-'], not: false });
      continue;
    }
    const known = filterKeys.find((one) => one === key.toLowerCase());
    if (!known) throw unknown(`"${key}:" is not something to filter by`, key, filterKeys, ':');
    if (values.length === 0)
      throw new BiphaseError('usage', `"${known}:" needs a value.`, { next: exampleOf(known) });
    if (known === 'state') for (const value of values) checkState(value);
    terms.push({ key: known, values, not });
  }
  return terms;
}

export function matchesFilter(run: FilteredRun, filter: RunFilter): boolean {
  return filter.every((term) => term.values.some((value) => meets(run, term.key, value)) !== term.not);
}

function meets(run: FilteredRun, key: FilterTerm['key'], value: string): boolean {
  const wanted = value.toLowerCase();
  const is = (text: string): boolean => text.toLowerCase() === wanted;
  switch (key) {
    case 'state':
      if (wanted === 'active') return isActive(run.state);
      if (wanted === 'ended') return !isActive(run.state);
      return run.state === wanted;
    case 'node':
      return is(run.node);
    case 'tag':
      return run.tags.some(is);
    case 'group':
      return run.group !== null && is(run.group);
    case 'objective':
      return run.phases.some(({ objective }) => is(objective));
    case 'text':
      return [run.name, run.launchedName, run.run, run.node, run.group ?? '', ...run.tags].some((text) =>
        text.toLowerCase().includes(wanted),
      );
  }
}

/** Quotes are taken off; commas in them, and in plain words, divide nothing. */
function splitValues(text: string, atCommas: boolean): string[] {
  const values: string[] = [];
  const parts = atCommas ? text.match(/(?:"[^"]*"?|[^",])+/gu) : [text];
  for (const part of parts ?? []) {
    const value = part.replaceAll('"', '');
    if (value !== '') values.push(value);
  }
  return values;
}

function checkState(value: string): void {
  const states = [...runStates, ...stateWords];
  if (!states.includes(value.toLowerCase())) throw unknown(`"${value}" is not a state`, value, states, '');
}

function unknown(what: string, word: string, known: readonly string[], ending: string): BiphaseError {
  const near = nearest(word.toLowerCase(), known);
  return new BiphaseError('usage', `${what}.${near ? ` Did you mean "${near}${ending}"?` : ''}`, {
    next: `There are: ${known.map((one) => one + ending).join(', ')}.`,
  });
}

function exampleOf(key: FilterKey): string {
  const examples = { state: 'running', node: 'atlas', tag: 'good', objective: 'mlm', group: 'widths' };
  return `As in ${key}:${examples[key]}.`;
}
