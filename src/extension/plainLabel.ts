import { printable } from '../core/printable.ts';

/** Text from elsewhere as a label of a row: in one line, and `$(name)` is no icon. */
export function plainLabel(text: string): string {
  return printable(text).replaceAll('$(', '\\$(');
}
