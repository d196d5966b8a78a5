import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { askTool, textOf } from '../../../src/agent/probe/gpuTool.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-tool-'));
after(() => fs.rmSync(folder, { recursive: true }));

function program(name: string, script: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, `#!/bin/sh\ncd "${folder}"\n${script}\n`, { mode: 0o700 });
  return file;
}

test('a tool answers with its text and its end, or is missing', async () => {
  const two = await askTool(program('two', 'echo "$1"; exit 2'), ['said']);
  assert.deepEqual(two, { text: 'said\n', code: 2 });
  assert.equal(textOf(two), null);
  assert.equal(textOf(await askTool(program('well', 'echo "$1"'), ['said'])), 'said\n');
  assert.equal(await askTool(path.join(folder, 'none'), []), 'missing');
});

test('a tool that does not die is not started again beside itself', async (context) => {
  const clock = process.env.BIPHASE_CLOCK;
  process.env.BIPHASE_CLOCK = '0.3';
  context.after(() => {
    if (clock === undefined) delete process.env.BIPHASE_CLOCK;
    else process.env.BIPHASE_CLOCK = clock;
  });
  // Its child keeps the output open, as a process in the driver's hands keeps its own.
  const tool = program('undying', 'sleep 1000 & echo "$!" >> children; exec sleep 1000');
  assert.equal(await askTool(tool, []), 'silent');
  const children = fs.readFileSync(path.join(folder, 'children'), 'utf8').trim().split('\n');
  context.after(() => process.kill(Number(children[0]), 'SIGKILL'));
  assert.equal(await askTool(tool, []), 'silent');
  assert.deepEqual(fs.readFileSync(path.join(folder, 'children'), 'utf8').trim().split('\n'), children);
  assert.equal(children.length, 1);
});
