type Columns = Uint16Array | Uint32Array | Float64Array;

/** A typed array that grows: numbers without boxes, appended one at a time. */
export class Column<T extends Columns> {
  #values: T;
  length = 0;

  constructor(empty: T) {
    this.#values = empty;
  }

  get(index: number): number {
    return this.#values[index]!;
  }

  push(value: number): void {
    this.#reserve(1);
    this.#values[this.length++] = value;
  }

  append(values: T): void {
    this.#reserve(values.length);
    this.#values.set(values, this.length);
    this.length += values.length;
  }

  /** The values as a view: valid until the next push. */
  view(from = 0, to = this.length): T {
    return this.#values.subarray(from, to) as T;
  }

  /** Room for so many more, no more than these: for who knows how many will come. */
  reserve(more: number): void {
    if (this.length + more > this.#values.length) this.#grow(this.length + more);
  }

  #reserve(more: number): void {
    if (this.length + more > this.#values.length)
      this.#grow(Math.max(64, this.#values.length * 2, this.length + more));
  }

  #grow(length: number): void {
    const larger = new (this.#values.constructor as new (length: number) => T)(length);
    larger.set(this.#values);
    this.#values = larger;
  }
}
