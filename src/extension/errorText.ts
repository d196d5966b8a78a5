import type { BiphaseError } from '../core/errors.ts';
import { type CommandName, commandIds } from './ids.ts';

/** The one button under an error: what it says and the command it runs. */
export interface ErrorAction {
  label: string;
  command: string;
}

const manageTrust: ErrorAction = { label: 'Manage Trust', command: 'workbench.trust.manage' };
const forCommand = (label: string, name: CommandName): ErrorAction => ({ label, command: commandIds[name] });

/** The text of an error message: what happened, then what to try. */
export function errorText(error: BiphaseError): string {
  return error.next === undefined ? error.message : `${error.message} ${error.next}`;
}

/** The action that fits the kind of error; undefined where the text says all. */
export function errorAction(error: BiphaseError): ErrorAction | undefined {
  switch (error.kind) {
    case 'usage':
    case 'cancelled':
      return undefined;
    case 'needs-person':
      return forCommand('Reconnect Node', 'reconnectNode');
    case 'refused':
      return error.message === untrustedSentence ? manageTrust : forCommand('Show Log', 'showLog');
    default:
      return forCommand('Show Log', 'showLog');
  }
}

/** What every command that starts, stops or connects answers in an untrusted workspace. */
export const untrustedSentence =
  'This workspace is not trusted, so nothing is started, stopped or connected from it.';
