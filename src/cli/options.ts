import { type ParseArgsConfig, parseArgs } from 'node:util';
import { BiphaseError } from '../core/errors.ts';
import { nearest } from '../core/unknownKeys.ts';

type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** Options as parsed: booleans for flags, strings for the others, absent where not given. */
export interface ParsedOptions {
  flags: Set<string>;
  values: Map<string, string>;
  /** Every value of each option that was given, for those that may be given several times. */
  lists: Map<string, string[]>;
  positionals: string[];
}

/**
 * `parseArgs` with sentences: an unknown option is refused and the nearest known one named.
 * @throws BiphaseError `usage`
 */
export function parseOptions(args: string[], options: OptionTable, maxPositionals: number): ParsedOptions {
  const known = Object.keys(options);
  const parsed: ParsedOptions = { flags: new Set(), values: new Map(), lists: new Map(), positionals: [] };
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') parsed.positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (!option) {
      const near = nearest(token.name, known);
      throw new BiphaseError(
        'usage',
        `Unknown option ${token.rawName}.${near ? ` Did you mean --${near}?` : ''}`,
      );
    }
    if (option.type === 'boolean') {
      if (token.value !== undefined)
        throw new BiphaseError('usage', `Option --${token.name} takes no value.`);
      parsed.flags.add(token.name);
    } else {
      if (token.value === undefined || token.value.startsWith('--'))
        throw new BiphaseError('usage', `Option --${token.name} needs a value.`);
      parsed.values.set(token.name, token.value);
      parsed.lists.set(token.name, [...(parsed.lists.get(token.name) ?? []), token.value]);
    }
  }
  if (parsed.positionals.length > maxPositionals)
    throw new BiphaseError(
      'usage',
      `Unexpected argument "${parsed.positionals[maxPositionals]}": ${maxPositionals === 0 ? 'this command takes options only' : `this command takes ${maxPositionals} at most`}.`,
    );
  return parsed;
}

/** The value of an option as a whole number of at least `minimum`, or undefined where it was not given. */
export function integerOption(options: ParsedOptions, name: string, minimum = 0): number | undefined {
  const text = options.values.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < minimum)
    throw new BiphaseError(
      'usage',
      `Option --${name} must be a whole number of at least ${minimum}, not "${text}".`,
    );
  return value;
}
