/** C0 and C1 controls, line separators, what turns the direction of text, halves of pairs, and what XML does not allow. */
const unprintable = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/**
 * Text from a file or another machine, fit to be shown in one line of a terminal, a tree, a title or a picture: each
 * control character becomes the replacement character, so that none moves a cursor or hides what follows.
 */
export function printable(text: string): string {
  return text.replace(unprintable, '\ufffd');
}
