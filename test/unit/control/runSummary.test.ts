import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatalogRun } from '../../../src/control/runs/runCatalog.ts';
import { summarize } from '../../../src/control/runs/runSummary.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';

const nothing = { metrics: [], unreadableLines: 0 };

function catalogRun(report: Partial<RunReport>, onNode = true): CatalogRun {
  return {
    report: {
      run: '20250101-aaaaaaaa',
      state: 'running',
      spec: null,
      wrapper: null,
      progress: null,
      exit: null,
      checkpoints: [],
      lastEvent: null,
      ...report,
    },
    node: 'atlas',
    rootId: 'r',
    seenAt: 1,
    onNode,
    shownBy: new Set(['atlas']),
  };
}

test('a run whose directory vanished while it was at work is lost, one that had ended stays what it was', () => {
  const { state, reason } = summarize(catalogRun({}, false), nothing, () => null);
  assert.deepEqual([state, reason], ['lost', 'Its directory is gone from atlas.']);
  assert.equal(summarize(catalogRun({ state: 'finished' }, false), nothing, () => null).state, 'finished');
  assert.equal(summarize(catalogRun({}), nothing, () => null).state, 'running');
});

test('what a node says of a run is shown without control characters', () => {
  const spec = {
    schema: 1,
    id: '20250101-aaaaaaaa',
    name: 'a\u001b[2Jb\n\u202ec',
    kind: 'pretrain' as const,
    createdAt: 1,
    bundle: 'x',
    file: {},
  };
  const { name, reason } = summarize(
    catalogRun({ spec, state: 'failed', reason: '\u001b]0;x\u0007' }),
    nothing,
    () => null,
  );
  assert.equal(name, 'a\ufffd[2Jb\ufffd\ufffdc');
  const endless = catalogRun({ spec: { ...spec, name: 'x'.repeat(1 << 20) } });
  assert.equal(summarize(endless, nothing, () => null).name, 'x'.repeat(200));
  assert.equal(reason, '\ufffd]0;x\ufffd');
  const progress = {
    schema: 1,
    segment: 0,
    step: 1,
    totalSteps: 2,
    phase: 0,
    tokens: 1,
    tokensPerSecond: 1,
    loss: null,
    secondsLeft: null,
    doing: 'reading \u001b[2J',
    time: 1,
  };
  assert.equal(summarize(catalogRun({ progress }), nothing, () => null).doing, 'reading \ufffd[2J');
});
