import fs from 'node:fs';
import { insideFolder } from './files.ts';

/** Up to `length` bytes of a file inside a run's directory, and the file's size now. */
export function readSlice(
  directory: string,
  file: string,
  offset: number,
  length: number,
): { size: number; bytes: Uint8Array } {
  const fd = fs.openSync(insideFolder(directory, file), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const { size } = fs.fstatSync(fd);
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    let read = 0;
    while (read < bytes.length) {
      const got = fs.readSync(fd, bytes, read, bytes.length - read, offset + read);
      if (got === 0) break;
      read += got;
    }
    return { size, bytes: bytes.subarray(0, read) };
  } finally {
    fs.closeSync(fd);
  }
}
