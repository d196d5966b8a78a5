import { BiphaseError } from '../../../core/errors.ts';

const block = 512;
/** The same for every file, so that the same files are the same archive. */
const changedAt = 1704067200;

/** Header of a plain file in a ustar archive. Its content follows, then `tarPadding`. */
export function tarHeader(name: string, size: number, mode: string): Buffer {
  if (Buffer.byteLength(name) > 100) throw new BiphaseError('internal', `The path ${name} is too long.`);
  const header = Buffer.alloc(block);
  const octal = (value: number, at: number, digits: number): void =>
    void header.write(`${value.toString(8).padStart(digits, '0')}\0`, at);
  header.write(name);
  header.write(`${mode.padStart(7, '0')}\0`, 100);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(changedAt, 136, 11);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  header.write(`${sum(header).toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** Zeros after a content of `size` bytes. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

/** The end of an archive. */
export const tarEnd = Buffer.alloc(2 * block);

function sum(bytes: Buffer): number {
  return bytes.reduce((all, byte) => all + byte, 0);
}
