const mostBytes = 120;
/** What Windows takes for a device, whatever the ending. */
const devices = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * A file name made of a name that a person or another program gave: one part of a path on every system, which neither hides the file nor leads
 * elsewhere.
 */
export function fileName(name: string): string {
  // Of a name that is far too long only the beginning is looked at.
  const start = [...name.slice(0, 8 * mostBytes)].slice(0, 4 * mostBytes).join('');
  let plain = start
    .toWellFormed()
    .replaceAll(/[\\/:*?"<>|\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '-')
    .replace(/^[\s.]+/, '');
  while (new TextEncoder().encode(plain).length > mostBytes) plain = [...plain].slice(0, -1).join('');
  plain = plain.replace(/[\s.]+$/, '');
  if (plain === '') return 'run';
  return devices.test(plain) ? `_${plain}` : plain;
}

/** Parts of a name with slashes, each a file name. */
export function fileNameParts(name: string): string[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.length === 0 ? [fileName(name)] : parts.slice(-8).map(fileName);
}
