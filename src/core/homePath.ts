/** A path as a person wrote it: `~` and `~/…` are meant below `home`, since no shell expands them on the way. */
export function homePath(written: string, home: string): string {
  return written === '~' || written.startsWith('~/') ? home + written.slice(1) : written;
}
