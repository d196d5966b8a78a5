const sqliteCorrupt = 11;
const sqliteFull = 13;
const sqliteNotADatabase = 26;

/** What SQLite says is wrong, where a person can do something about it. */
export function sqliteProblem(thrown: unknown): 'full' | 'damaged' | undefined {
  const code = (thrown as { errcode?: number }).errcode;
  if (code === undefined) return undefined;
  const primary = code & 0xff;
  if (primary === sqliteFull) return 'full';
  return primary === sqliteCorrupt || primary === sqliteNotADatabase ? 'damaged' : undefined;
}
