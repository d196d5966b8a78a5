import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RunCatalog } from '../../../src/control/runs/runCatalog.ts';
import type { CacheStore } from '../../../src/control/store/cacheStore.ts';
import { isActive } from '../../../src/core/runState.ts';
import type { RunReport } from '../../../src/protocol/agentApi.ts';
import { runStates } from '../../../src/protocol/runDirectory.ts';

const store = { reports: () => [], saveReports: () => {}, deleteRun: () => {} } as unknown as CacheStore;
const runs = ['20260101-aaaaaaaa', '20260101-bbbbbbbb', '20260101-cccccccc'];
const names = ['atlas', 'boreas', 'login'];
const rootOf = (name: string): string => (name === 'boreas' ? 'other' : 'shared');

test('whatever nodes show and withdraw, active runs are counted and listed as a look at all runs would', () => {
  const at = { run: fc.constantFrom(...runs), node: fc.constantFrom(...names) };
  const event = fc.oneof(
    fc.record({
      kind: fc.constant('report'),
      ...at,
      state: fc.constantFrom(...runStates),
      leaves: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('gone', 'disconnected', 'remove', 'only'), ...at }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const catalog = new RunCatalog(
        store,
        () => {},
        () => {},
      );
      for (const each of events) {
        const { run, node } = each;
        if ('state' in each) {
          const movingTo = each.leaves ? 'elsewhere' : null;
          const queue = { priority: 0, submittedAt: 1, after: [], nodes: [], movingTo };
          const nothing = { spec: null, wrapper: null, progress: null, exit: null, lastEvent: null };
          const { state } = each;
          const report: RunReport = { run, state, ...nothing, checkpoints: [], queue };
          catalog.report(node, rootOf(node), report);
        } else if (each.kind === 'gone') catalog.gone(run, node);
        else if (each.kind === 'disconnected') catalog.disconnected(node);
        else if (each.kind === 'remove') catalog.remove(run);
        else catalog.only(rootOf(node), new Set([run]));
        for (const name of names) {
          const active = catalog
            .all()
            .filter((one) => one.node === name && one.onNode && isActive(one.report.state));
          const waiting = active.filter(({ report }) => report.state === 'queued');
          assert.deepEqual(new Set(catalog.activeOn(name)), new Set(active));
          assert.deepEqual(new Set(catalog.waitingOn(name)), new Set(waiting));
          const count = catalog.countActive().get(name) ?? { busy: 0, waiting: 0 };
          assert.deepEqual(count, { busy: active.length - waiting.length, waiting: waiting.length });
        }
      }
      catalog.close();
    }),
  );
});
