import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  keptSettingsText,
  nodeSettingsText,
  nodeWithSettings,
} from '../../../src/extension/nodes/nodeSettings.ts';
import type { NodeConfig } from '../../../src/protocol/controlApi.ts';

const node: NodeConfig = { name: 'atlas', kind: 'ssh', host: 'atlas', setup: ['module load cuda'], slots: 4 };

test('what is edited is the node without its name and kind, and comes back whole', () => {
  const text = nodeSettingsText(node);
  assert.deepEqual(JSON.parse(text), { host: 'atlas', setup: ['module load cuda'], slots: 4 });
  assert.deepEqual(nodeWithSettings(node, text), node);
});

test('a mistake is named in one sentence, and nothing changes', () => {
  const said = (text: string, expected: RegExp): void => {
    assert.throws(() => nodeWithSettings(node, text), { kind: 'usage', message: expected });
  };
  said('{"slot": 2}', /^"slot" is not a setting of a node\. Did you mean "slots"\? atlas stays as it was\.$/);
  said('{"slots": 0}', /^"slots" cannot be: /);
  said('{"setup": "module load cuda"}', /^"setup" cannot be: /);
  said('{"name": "b"}', /"name" is not a setting of a node/);
  said('{', /are not JSON/);
  said('[]', /^The settings cannot be: /);
});

test('who edits a node is told what runs that wait there keep', () => {
  assert.match(
    keptSettingsText('atlas', 1),
    /^The run that waits on atlas keeps the settings of its launch\. /,
  );
  assert.match(keptSettingsText('atlas', 3), /^The 3 runs that wait on atlas keep .* Stop and resume one /);
});
