import { toBiphaseError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { nearest } from '../core/unknownKeys.ts';
import { exitCodes } from '../protocol/runDirectory.ts';
import type { CommandEntry } from './command.ts';
import { version } from './version.ts';

function overview(entries: CommandEntry[]): string {
  const width = Math.max(...entries.map((e) => e.name.length));
  return [
    'biphase <command> [options]   encoder-pretraining experiments',
    '',
    ...entries.map((e) => `  ${e.name.padEnd(width)}  ${e.summary}`),
    '',
    '`biphase <command> --help` explains one; `biphase --version` prints the version.',
  ].join('\n');
}

/** Runs the command that `args` name and returns the exit code: 2 for a user's mistake, 1 for any other failure. */
export async function dispatch(entries: CommandEntry[], args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview(entries)}\n`);
    return name === undefined ? exitCodes.usage : 0;
  }
  if (name === '--version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const entry = entries.find((e) => e.name === name);
  if (!entry) {
    const near = nearest(
      name,
      entries.map((e) => e.name),
    );
    process.stderr.write(`Unknown command "${printable(name)}".${near ? ` Did you mean "${near}"?` : ''}\n`);
    return exitCodes.usage;
  }
  try {
    const command = await entry.load();
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(`${command.help.trim()}\n`);
      return 0;
    }
    return await command.run(rest);
  } catch (thrown) {
    const error = toBiphaseError(thrown);
    process.stderr.write(`${printable(`${error.message}${error.next ? ` ${error.next}` : ''}`)}\n`);
    if (process.env.BIPHASE_DEBUG) process.stderr.write(`${error.stack ?? ''}\n`);
    return error.kind === 'usage' ? exitCodes.usage : exitCodes.failed;
  }
}
