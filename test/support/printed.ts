import assert from 'node:assert/strict';
import type { Command } from '../../src/cli/command.ts';

/** Runs a command in this process; what it prints to stdout. It must return 0. */
export async function printed(command: Command, args: string[]): Promise<string> {
  const write = process.stdout.write.bind(process.stdout);
  const chunks: string[] = [];
  // The test runner writes to stdout too, in bytes.
  process.stdout.write = ((chunk: string | Uint8Array) =>
    typeof chunk === 'string' ? chunks.push(chunk) > 0 : write(chunk)) as typeof process.stdout.write;
  try {
    assert.equal(await command.run(args), 0);
  } finally {
    process.stdout.write = write;
  }
  return chunks.join('');
}
