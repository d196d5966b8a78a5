/** One `biphase <name>` command: a file in `commands/` exports one of these as `command`. */
export interface Command {
  /** Key in the command table, and the file's name. */
  name: string;
  /** One line for `biphase --help`. */
  summary: string;
  /** What `biphase <name> --help` prints: usage, options, an example. */
  help: string;
  /** Gets what follows the name; returns the exit code. A thrown BiphaseError is printed as one sentence. */
  run(args: string[]): Promise<number>;
}

/** Loads a command's file only when it is asked for, so that starting one command does not load the others. */
export interface CommandEntry {
  name: string;
  summary: string;
  load(): Promise<Command>;
}
