import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parameterShapes } from '../../../src/core/parameterCounts.ts';
import { storedParameters, withoutWrapperPrefixes } from '../../../src/core/storedParameters.ts';
import { oddConfig } from '../../support/models.ts';

test('Optimus keeps q, k and v in the rows of one tensor, and names everything its own way', () => {
  const config = { ...oddConfig, layers: 1, heads: 4, kvHeads: 2, headDim: 10, hiddenSize: 26 };
  const stored = storedParameters(config, 'optimus');
  assert.deepEqual(
    stored.map(({ name }) => name),
    [
      'embedding.weight',
      'blocks.0.attn.qkv_proj.weight',
      'blocks.0.attn.out_proj.weight',
      'blocks.0.mlp.fc_1.weight',
      'blocks.0.mlp.fc_2.weight',
      'blocks.0.mlp.proj.weight',
      'blocks.0.attn_norm.weight',
      'blocks.0.mlp_norm.weight',
      'final_layernorm.weight',
      'lm_head.weight',
    ],
  );
  assert.deepEqual(stored[1], {
    name: 'blocks.0.attn.qkv_proj.weight',
    shape: [80, 26],
    parts: [
      { name: 'model.layers.0.self_attn.q_proj.weight', start: 0, rows: 40 },
      { name: 'model.layers.0.self_attn.k_proj.weight', start: 40, rows: 20 },
      { name: 'model.layers.0.self_attn.v_proj.weight', start: 60, rows: 20 },
    ],
  });
  assert.equal(stored[3].parts[0].name, 'model.layers.0.mlp.gate_proj.weight');
});

test('both namings hold every parameter once', () => {
  const names = parameterShapes(oddConfig).map(({ name }) => name);
  for (const naming of ['transformers', 'optimus'] as const) {
    const parts = storedParameters(oddConfig, naming).flatMap((stored) => stored.parts);
    assert.deepEqual(parts.map(({ name }) => name).sort(), [...names].sort());
  }
});

test('only whole prefixes of wrappers are taken away', () => {
  assert.equal(withoutWrapperPrefixes('_orig_mod.blocks.0.attn_norm.weight'), 'blocks.0.attn_norm.weight');
  assert.equal(withoutWrapperPrefixes('module._orig_mod.lm_head.weight'), 'lm_head.weight');
  assert.equal(withoutWrapperPrefixes('model.norm.weight'), 'model.norm.weight');
});
