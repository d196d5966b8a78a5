/**
 * The one place where data becomes a shell command: SSH carries a string, not an argument list, and the node's login
 * shell parses it. Every argument goes into single quotes, in which a POSIX shell knows no special character at all;
 * a quote itself is written as '\''. An argument with a NUL byte cannot exist on POSIX and is refused.
 *
 * The login shell need not be a POSIX shell: csh takes `!` and line ends for its own also in single quotes, fish takes
 * `\`. A command with one of these reaches sh in a form that holds none of them.
 */
export function quoteForShell(argv: readonly string[]): string {
  if (argv.length === 0) throw new RangeError('A command needs at least one word.');
  const command = argv
    .map((argument) => {
      if (argument.includes('\0')) throw new RangeError('An argument holds a NUL byte.');
      return `'${argument.replaceAll("'", `'\\''`)}'`;
    })
    .join(' ');
  return argv.some((argument) => /[\n\r!\\]/.test(argument)) ? throughSh(command) : command;
}

/** A command for any shell that has sh run a POSIX command: every unusual byte travels as `\0` and its octal number. */
function throughSh(command: string): string {
  const encoded = Buffer.from(command)
    .toString('latin1')
    .replace(/[^A-Za-z0-9 ./:=_-]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return `sh -c 'eval "exec $(printf %b "$1")"' sh '${encoded}'`;
}
