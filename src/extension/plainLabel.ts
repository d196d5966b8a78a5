import { printable } from '../core/printable.ts';

/**
 * Text from elsewhere as a label of a row: in one line, and `$(name)` is no icon. A backslash would do for what is
 * drawn, but not for what a screen reader says; a space of no width does for both.
 */
export function plainLabel(text: string): string {
  return printable(text).replaceAll('$(', '$\u200b(');
}

/** Text that holds words from elsewhere, for a message: `[text](address)` in it is no link. */
export function plainMessage(text: string): string {
  return text.replaceAll('](', ']\u200b(');
}
