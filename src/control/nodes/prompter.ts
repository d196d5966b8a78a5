import type { Prompt } from '../../protocol/controlApi.ts';

type Question<K extends Prompt['kind']> = Omit<Extract<Prompt, { kind: K }>, 'kind' | 'id' | 'quiet'>;

/**
 * Asks the person, in the focused window, once for all windows. In the background (a reconnection by itself) nobody
 * is asked: then whatever is neither remembered nor stored by a window throws a BiphaseError of kind `needs-person`.
 */
export interface Prompter {
  /** An unknown host key; false when the person does not trust it. */
  hostKey(question: Question<'hostKey'>): Promise<boolean>;
  /**
   * A secret; remembered in memory under `storageKey` until `retry` says that it was wrong.
   * Throws `cancelled` when the person closes the question.
   */
  secret(question: Question<'secret'>): Promise<string>;
  /** The secret under this key may be wrong: the person is asked before it is used again. */
  doubt(storageKey: string): void;
  /**
   * A yes/no question. A yes is kept in memory under `remember`; it holds in the background too, as long as there is
   * somebody who could be asked.
   */
  confirm(question: Question<'confirm'> & { remember?: string }): Promise<boolean>;
}
