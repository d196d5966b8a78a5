import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readStructured } from '../../../src/cli/readRunFile.ts';

test('a run file is one YAML document; what else it is, is told', (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-file-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'a.run.yaml');
  const refusal = (content: string): (() => unknown) => {
    fs.writeFileSync(file, content);
    return () => readStructured(file);
  };
  assert.deepEqual(refusal('---\nmodel: micro\n')(), { model: 'micro' });
  assert.throws(refusal('model: micro\n---\nmodel: mini\n'), {
    kind: 'usage',
    message: `${file} holds several YAML documents; a run file is one.`,
  });
  assert.throws(refusal('model: [\n'), { kind: 'usage', message: / is not YAML: / });
  assert.throws(refusal(`# ${'x'.repeat(1 << 20)}`), { kind: 'usage', message: /larger than 1 MiB/ });
  assert.throws(() => readStructured(folder), {
    kind: 'usage',
    message: `The run file ${folder} cannot be read: it is a folder.`,
  });
  assert.throws(() => readStructured(path.join(folder, 'none')), {
    kind: 'usage',
    message: /There is no run file/,
  });
});
