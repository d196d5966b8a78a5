import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type EncodedDelta, SeriesService } from '../../../src/control/runs/seriesService.ts';
import { CacheStore } from '../../../src/control/store/cacheStore.ts';
import type { RunSummary } from '../../../src/protocol/controlApi.ts';

/** A line of the run's `metrics.jsonl`. */
export interface Written {
  segment?: number;
  step: number;
  metrics: Record<string, number | string>;
}

/** What a run wrote, in control's own store, thinned and told as control does. */
export class StoredRun {
  readonly service: SeriesService;
  private readonly store: CacheStore;
  private readonly run: string;
  private offset = 0;

  constructor(context: TestContext, { run, phases, totalSteps }: RunSummary) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-stored-'));
    this.store = new CacheStore(path.join(folder, 'cache.db'));
    const phaseEnds = phases.slice(0, -1).map(({ until }) => until);
    this.service = new SeriesService(this.store, () => ({ phaseEnds, totalSteps, flops: null }));
    this.run = run;
    context.after(() => {
      this.store.close();
      fs.rmSync(folder, { recursive: true, force: true });
    });
  }

  /** Returns what the page is to be told. */
  write(lines: readonly Written[]): EncodedDelta[] {
    const text = lines.map(({ segment = 0, step, metrics }) =>
      JSON.stringify({ segment, step, tokens: step * 4096, time: 1.75e9 + step, elapsed: step / 5, metrics }),
    );
    const bytes = Buffer.from(`${text.join('\n')}\n`);
    const committed = this.store.addBytes(this.run, {
      ...{ file: 'metrics.jsonl', offset: this.offset, identity: '1:1', reset: false, bytes },
    });
    this.offset += bytes.length;
    return committed ? this.service.deltas(this.run, committed, () => true) : [];
  }
}
