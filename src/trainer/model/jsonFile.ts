import { readFile } from 'node:fs/promises';
import { BiphaseError } from '../../core/errors.ts';

/** The JSON object in a file that a program wrote. @throws BiphaseError `missing`, `damaged` */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new BiphaseError('missing', `${file} cannot be read.`, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Falls through to the one sentence below.
  }
  throw new BiphaseError('damaged', `${file} is not a JSON object.`);
}
