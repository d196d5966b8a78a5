import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TrainerState } from '../../../src/trainer/checkpoints/checkpointFolder.ts';
import { fillModel, findStart } from '../../../src/trainer/training/start.ts';
import { oddConfig } from '../../support/models.ts';

const state: TrainerState = {
  schema: 1,
  run: '20250101-aaaaaaaa',
  name: 'n',
  step: 5,
  tokens: 1,
  samples: 1,
  elapsed: 1,
  optimizerStep: 5,
  lineageSteps: 5,
  decayed: false,
  validationPending: false,
  tokenizerHash: 'x',
  trainHash: 'x',
  seed: 0,
};

test('a run whose last checkpoint is damaged says which folder to move away', async (context) => {
  const runFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'bp-damaged-'));
  context.after(() => fs.rmSync(runFolder, { recursive: true }));
  const folder = path.join(runFolder, 'checkpoints/step-000005');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'DONE'), '');
  const find = (trainer: string) => {
    fs.writeFileSync(path.join(folder, 'trainer.json'), trainer);
    return findStart({} as never, { runFolder, root: runFolder, resume: true });
  };
  const advice = `${folder} is damaged; move it away to resume from the checkpoint before it. `;
  const refused = (detail: string) => ({ kind: 'damaged', message: advice + detail });
  await assert.rejects(find('{'), refused(`${folder}/trainer.json cannot be read.`));
  await assert.rejects(
    find(JSON.stringify({ ...state, step: 7 })),
    refused('Its trainer.json is of step 7.'),
  );
  const start = await find(JSON.stringify(state));
  assert.equal(start.kind, 'resume');
  fs.writeFileSync(path.join(folder, 'model.safetensors'), '');
  const weights = `${folder}/model.safetensors cannot be used. Not a usable safetensors file: `;
  await assert.rejects(
    fillModel({ config: oddConfig } as never, start, {} as never),
    refused(`${weights}it has 0 bytes, fewer than its header's length needs.`),
  );
});
