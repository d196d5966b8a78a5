/** Secrets that a person gave and no node has connected with yet; several hops of a node may each need one. */
export class UnprovenSecrets {
  readonly #ofNode = new Map<string, Map<string, string>>();

  add(node: string, key: string, value: string): void {
    const secrets = this.#ofNode.get(node) ?? new Map<string, string>();
    this.#ofNode.set(node, secrets.set(key, value));
  }

  /** It was wrong, whichever node it was given for. */
  drop(key: string): void {
    for (const secrets of this.#ofNode.values()) secrets.delete(key);
  }

  /** The node has connected: its secrets are right, and no longer kept here. */
  take(node: string): [key: string, value: string][] {
    const secrets = [...(this.#ofNode.get(node) ?? [])];
    this.#ofNode.delete(node);
    return secrets;
  }
}
