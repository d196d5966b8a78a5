import fs from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { BiphaseError } from '../core/errors.ts';

/** What a file of YAML or JSON holds, not yet checked. @throws BiphaseError `usage` */
export function readStructured(file: string): unknown {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    throw new BiphaseError('usage', `There is no run file ${file}.`);
  }
  try {
    return parseYaml(text, { logLevel: 'error' });
  } catch (cause) {
    throw new BiphaseError('usage', `${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`, {
      cause,
    });
  }
}
