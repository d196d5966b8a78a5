/** One series of a run. */
export interface SubscribedSeries {
  run: string;
  metric: string;
}

/** Joins what the panels of a window want to follow: control knows one list a window. */
export class SeriesSubscriptions {
  readonly #subscribe: (series: SubscribedSeries[]) => Promise<void>;
  readonly #wanted = new Map<object, readonly SubscribedSeries[]>();

  constructor(subscribe: (series: SubscribedSeries[]) => Promise<void>) {
    this.#subscribe = subscribe;
  }

  /** Replaces what `owner` wants; nothing: it wants none any more. */
  async set(owner: object, series: readonly SubscribedSeries[]): Promise<void> {
    if (series.length === 0) this.#wanted.delete(owner);
    else this.#wanted.set(owner, series);
    const all = new Map<string, SubscribedSeries>();
    for (const each of [...this.#wanted.values()].flat()) all.set(`${each.run} ${each.metric}`, each);
    await this.#subscribe([...all.values()]);
  }
}
