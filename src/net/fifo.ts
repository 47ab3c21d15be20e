/** A first-in, first-out queue; `shift` is O(1), unlike an array's. */
export class Fifo<T> {
  #incoming: T[] = [];
  /** The older items, the oldest last. */
  #outgoing: T[] = [];

  push(item: T): void {
    this.#incoming.push(item);
  }

  /** Returns the oldest item, and leaves it. */
  peek(): T | undefined {
    this.#turn();
    return this.#outgoing.at(-1);
  }

  shift(): T | undefined {
    this.#turn();
    return this.#outgoing.pop();
  }

  /** Empties the queue and returns its items, the oldest first. */
  clear(): T[] {
    const items = [...this.#outgoing.reverse(), ...this.#incoming];
    [this.#outgoing, this.#incoming] = [[], []];
    return items;
  }

  #turn(): void {
    if (this.#outgoing.length > 0) return;
    this.#outgoing = this.#incoming.reverse();
    this.#incoming = [];
  }
}
