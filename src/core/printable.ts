/** C0 and C1 controls, line separators and the characters that turn the direction of text. */
const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text from a file or another machine, fit to be shown in one line of a terminal, a tree or a title: each control
 * character becomes the replacement character, so that none moves a cursor or hides what follows.
 */
export function printable(text: string): string {
  return text.replace(unprintable, '\ufffd');
}
