const block = 512;

/** The content of one plain file in a tar archive; undefined where it is not in it. Knows ustar and pax long names. */
export function readTarEntry(archive: Buffer, name: string): Buffer | undefined {
  let longName: string | undefined;
  for (let at = 0; at + block <= archive.length; ) {
    const header = archive.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return undefined;
    const size = Number.parseInt(text(header, 124, 12).trim(), 8) || 0;
    const body = archive.subarray(at + block, at + block + size);
    const type = String.fromCharCode(header[156]!);
    at += block + Math.ceil(size / block) * block;
    if (type === 'x') {
      longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(body.toString())?.[1];
      continue;
    }
    const prefix = text(header, 345, 155);
    const own = longName ?? (prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100));
    longName = undefined;
    if ((type === '0' || type === '\0') && own === name) return body.length === size ? body : undefined;
  }
  return undefined;
}

function text(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString();
}
