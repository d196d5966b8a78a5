import { setImmediate } from 'node:timers/promises';
import type { Sample, SamplePacker } from './packing.ts';

/** A source that can be read while other work goes on. */
export interface LaterSource {
  /** Copies tokens [start, start + target.length) into the target. */
  readLater(start: number, target: Int32Array): Promise<void>;
}

/** Tokens that are read ahead at most, beyond the next batch: 64 MiB. */
const mostTokensAhead = 2 ** 24;
/** Batches that are read ahead where that is less. */
const batchesAhead = 8;

interface Coming {
  sample: Sample;
  ready: boolean;
  read: Promise<void>;
}

/** The samples of a run from one number on, read ahead of the steps that take them. */
export class SampleStream {
  readonly #packer: SamplePacker;
  readonly #source: LaterSource;
  readonly #coming: Coming[] = [];
  readonly #batch: number;
  #next: number;
  #tokensAhead = 0;

  /**
   * @param from number of the first sample
   * @param batch samples that a step takes
   */
  constructor(packer: SamplePacker, source: LaterSource, from: number, batch: number) {
    this.#packer = packer;
    this.#source = source;
    this.#next = from;
    this.#batch = batch;
    this.#fill();
  }

  /** Waits until everything that is read ahead is there: part of starting, no stall. */
  async ready(): Promise<void> {
    await Promise.all(this.#coming.map(({ read }) => read));
  }

  /** The next samples, and how many of them were not there when they were wanted. */
  async take(count: number): Promise<{ samples: Sample[]; stalled: number }> {
    this.#fill(count);
    const wanted = this.#coming.splice(0, count);
    // What has been read is told on the next turn of the event loop.
    if (wanted.some(({ ready }) => !ready)) await setImmediate();
    const stalled = wanted.filter(({ ready }) => !ready).length;
    await Promise.all(wanted.map(({ read }) => read));
    const samples = wanted.map(({ sample }) => sample);
    this.#tokensAhead -= samples.reduce((sum, { ids }) => sum + ids.length, 0);
    this.#fill();
    return { samples, stalled };
  }

  /** Asks for samples up to the bound, and for `least` of them whatever the bound is. */
  #fill(least = this.#batch): void {
    const most = Math.max(least, this.#batch * batchesAhead);
    while (
      this.#coming.length < least ||
      (this.#coming.length < most && this.#tokensAhead < mostTokensAhead)
    ) {
      const { start, size, ...identity } = this.#packer.place(this.#next++);
      const coming: Coming = {
        sample: { ids: new Int32Array(size), ...identity },
        ready: false,
        read: Promise.resolve(),
      };
      coming.read = this.#source.readLater(start, coming.sample.ids).then(() => {
        coming.ready = true;
      });
      // Its failure is thrown when its turn comes.
      coming.read.catch(() => {});
      this.#tokensAhead += size;
      this.#coming.push(coming);
    }
  }
}
