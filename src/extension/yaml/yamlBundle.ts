import path from 'node:path';
import type * as bundle from './runFileLanguage.ts';

let loaded: typeof bundle | undefined;

/** The YAML language service and parser: a bundle of its own, loaded at the first run file. */
export function yamlBundle(): typeof bundle {
  loaded ??= require(path.join(__dirname, 'yamlLanguage.cjs')) as typeof bundle;
  return loaded;
}
