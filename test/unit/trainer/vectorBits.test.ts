import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../../support/trainingBits.ts', import.meta.url));

/** A hash of what training leaves, from a process of its own: V8's flags hold for a whole process. */
async function hashOfTraining(wideVectors: string): Promise<string> {
  const env = { ...process.env, BIPHASE_WIDE_VECTORS: wideVectors };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { env });
  assert.equal(stderr, '', 'V8 knows its flags');
  return stdout.trim();
}

test('vectors of 128 bits and vectors joined to 256 bits leave the same bits', async () => {
  const [joined, plain] = await Promise.all([hashOfTraining('on'), hashOfTraining('off')]);
  assert.match(joined, /^[0-9a-f]{64}$/);
  assert.equal(joined, plain);
});
