import type { CompareRun } from '../../../../src/protocol/comparePage.ts';
import type { ComparedRun } from '../../../../src/protocol/comparison.ts';
import type { Column } from '../../../../webview/compare/columns.ts';

export interface FakeColumnRun {
  change?: Partial<CompareRun>;
  /** null: nothing is known yet. */
  fact?: Partial<ComparedRun> | null;
}

/** A finished run of 1,000 steps on a node with 8 cores and no GPU of its own, trained for two hours. */
export function fakeColumn(name: string, ...runs: FakeColumnRun[]): Column {
  const made = runs.map(
    ({ change }, seed): CompareRun => ({
      ...{ run: `20260101-${name}${seed}`, name, node: 'atlas', state: 'finished', createdAt: 0 },
      ...{ step: 1000, totalSteps: 1000, tokens: 4e6, flopsPerToken: 1e6, seed, setup: 'a', phases: [] },
      ...{ cores: 8, gpus: 0, parent: null, children: [] },
      ...change,
    }),
  );
  return {
    ...{ key: made[0]!.run, name, runs: made },
    facts: made.map(({ run }, i) => {
      const fact = runs[i]!.fact;
      return fact === null
        ? undefined
        : {
            ...{ run, spec: null, problem: null, metrics: [], elapsed: 7200, tokensPerSecond: 500 },
            ...{ threads: null, ...fact },
          };
    }),
  };
}
