import * as vscode from 'vscode';
import { BiphaseError, toBiphaseError } from '../core/errors.ts';
import { errorAction, errorText, untrustedSentence } from './errorText.ts';
import { plainMessage } from './plainLabel.ts';

/** Shows what went wrong in one message with one button, and logs it. A cancellation is not an error. */
export function showError(thrown: unknown, log: vscode.LogOutputChannel): void {
  const error = toBiphaseError(thrown);
  if (error.kind === 'cancelled') return;
  if (error.kind === 'internal')
    log.error(thrown instanceof Error ? (thrown.stack ?? error.message) : error.message);
  else log.error(`${error.kind}: ${errorText(error)}`);
  const action = errorAction(error);
  void vscode.window
    .showErrorMessage(plainMessage(errorText(error)), ...(action ? [action.label] : []))
    .then((chosen) => {
      if (action && chosen === action.label) return vscode.commands.executeCommand(action.command);
    });
}

/** Throws `refused` in an untrusted workspace. */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new BiphaseError('refused', untrustedSentence, { next: 'Trust the workspace first.' });
}
