import type * as z from 'zod';
import { BiphaseError } from '../../core/errors.ts';
import { nearest } from '../../core/unknownKeys.ts';
import { type NodeConfig, nodeSettingsSchema } from '../../protocol/controlApi.ts';

/** A node's settings as the JSON that a person edits; its name and kind stay. */
export function nodeSettingsText({ name: _name, kind: _kind, ...settings }: NodeConfig): string {
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/**
 * The node with the settings of an edited text.
 * @throws BiphaseError `usage` with one sentence that names the key
 */
export function nodeWithSettings({ name, kind }: NodeConfig, text: string): NodeConfig {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch (cause) {
    throw new BiphaseError('usage', `The settings of ${name} are not JSON: ${(cause as Error).message}.`, {
      cause,
    });
  }
  const parsed = nodeSettingsSchema.safeParse(written);
  if (!parsed.success)
    throw new BiphaseError('usage', `${sentence(parsed.error.issues[0]!)} ${name} stays as it was.`);
  return { ...parsed.data, name, kind };
}

/** One sentence for who has changed a node's settings while runs wait there. */
export function keptSettingsText(name: string, waiting: number): string {
  return waiting === 1
    ? `The run that waits on ${name} keeps the settings of its launch. Stop and resume it to give it the new ones.`
    : `The ${waiting} runs that wait on ${name} keep the settings of their launch. Stop and resume one to give it the new ones.`;
}

function sentence(issue: z.core.$ZodIssue): string {
  const place = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const near = nearest(key, Object.keys(nodeSettingsSchema.shape));
    const question = near === undefined || place !== '' ? '' : ` Did you mean "${near}"?`;
    return `"${[...issue.path, key].join('.')}" is not a setting of a node.${question}`;
  }
  return `${place === '' ? 'The settings' : `"${place}"`} cannot be: ${issue.message}.`;
}
