/**
 * The one place where data becomes a shell command: SSH carries a string, not an argument list, and the node's login
 * shell parses it. Every argument goes into single quotes, in which a POSIX shell knows no special character at all;
 * a quote itself is written as '\''. An argument with a NUL byte cannot exist on POSIX and is refused.
 */
export function quoteForShell(argv: readonly string[]): string {
  if (argv.length === 0) throw new RangeError('A command needs at least one word.');
  return argv
    .map((argument) => {
      if (argument.includes('\0')) throw new RangeError('An argument holds a NUL byte.');
      return `'${argument.replaceAll("'", `'\\''`)}'`;
    })
    .join(' ');
}
