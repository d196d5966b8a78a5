/** Gives items in order, without the cost of ordering those that nobody asks for. Uses the array it is given. */
export class FirstHeap<T> {
  readonly #items: T[];
  readonly #order: (a: T, b: T) => number;

  /** `order`: below zero where `a` comes first. */
  constructor(items: T[], order: (a: T, b: T) => number) {
    this.#items = items;
    this.#order = order;
    for (let index = (items.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /** Takes the first one out; undefined where there is none. */
  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length > 0) {
      items[0] = last as T;
      this.#sink(0);
    }
    return first;
  }

  push(item: T): void {
    const items = this.#items;
    items.push(item);
    for (let index = items.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (this.#order(items[parent] as T, item) <= 0) return;
      items[index] = items[parent] as T;
      items[parent] = item;
      index = parent;
    }
  }

  #sink(from: number): void {
    const items = this.#items;
    const item = items[from] as T;
    for (let index = from; ; ) {
      let child = 2 * index + 1;
      if (child >= items.length) return;
      if (child + 1 < items.length && this.#order(items[child + 1] as T, items[child] as T) < 0) child++;
      if (this.#order(item, items[child] as T) <= 0) return;
      items[index] = items[child] as T;
      items[child] = item;
      index = child;
    }
  }
}
