interface HasDispose {
  dispose(): unknown;
}

/** Owns what it registers; what is registered after the end is disposed at once. */
export abstract class Disposable {
  #items: HasDispose[] = [];
  #disposed = false;

  get disposed(): boolean {
    return this.#disposed;
  }

  protected register<T extends HasDispose>(item: T): T {
    if (this.#disposed) item.dispose();
    else this.#items.push(item);
    return item;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const items = this.#items.reverse();
    this.#items = [];
    for (const item of items) item.dispose();
  }
}
