import { rejectIfAborted, rejectOnAbort } from "./abort.ts";
import { Fifo } from "./fifo.ts";
import { rejectCall } from "./stack.ts";

/**
 * A bounded queue of what has arrived, and of the calls that wait for it: the
 * middle of `accept` and `recvFrom`. First come, first served.
 */
export class WaitQueue<T> {
  readonly #items = new Fifo<T>();
  /** Calls that wait, the oldest first. */
  #waiting: PromiseWithResolvers<T>[] = [];
  readonly #capacity: number;
  readonly #sizeOf: (item: T) => number;
  #size = 0;
  #closeReason: (() => Error) | undefined;

  /**
   * @param capacity The size from which on nothing more is queued.
   * @param sizeOf The size of an item.
   */
  constructor(capacity: number, sizeOf: (item: T) => number = () => 1) {
    this.#capacity = capacity;
    this.#sizeOf = sizeOf;
  }

  /** Whether a call waits for an item. */
  get isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether `put` would refuse an item because of the capacity. */
  get isFull(): boolean {
    return this.#size >= this.#capacity && !this.isWanted;
  }

  get isClosed(): boolean {
    return this.#closeReason !== undefined;
  }

  /** Adds an item, unless the queue is full or closed; returns whether it did. */
  put(item: T): boolean {
    const call = this.#waiting.shift();
    if (call !== undefined) {
      call.resolve(item);
      return true;
    }
    if (this.isClosed || this.isFull) return false;
    this.#items.push(item);
    this.#size += this.#sizeOf(item);
    return true;
  }

  /** Takes the oldest item, or waits for one. */
  take(signal?: AbortSignal): Promise<T> {
    if (this.#closeReason !== undefined) {
      return Promise.reject(this.#closeReason());
    }
    const aborted = rejectIfAborted(signal);
    if (aborted !== undefined) return aborted;
    const item = this.shift();
    if (item !== undefined) return Promise.resolve(item);
    const call = Promise.withResolvers<T>();
    this.#waiting.push(call);
    if (signal !== undefined) {
      rejectOnAbort(signal, call.promise, () => {
        this.#waiting = this.#waiting.filter((other) => other !== call);
        call.reject(signal.reason);
      });
    }
    return call.promise;
  }

  /** Takes the oldest item, if there is one. */
  shift(): T | undefined {
    const item = this.#items.shift();
    if (item !== undefined) this.#size -= this.#sizeOf(item);
    return item;
  }

  /** Takes item after item until the queue is closed. */
  async *iterate(take: () => Promise<T>): AsyncGenerator<T, void> {
    while (!this.isClosed) {
      let item;
      try {
        item = await take();
      } catch (error) {
        // Closed while waiting, which ends the loop in an orderly way.
        if (this.isClosed) return;
        throw error;
      }
      yield item;
    }
  }

  /**
   * Rejects every `take`, waiting or later; returns what was not taken.
   *
   * @param reason Makes the error of a call.
   */
  close(reason: () => Error): T[] {
    this.#closeReason ??= reason;
    for (const call of this.#waiting.splice(0)) {
      rejectCall(call, this.#closeReason());
    }
    return this.#items.clear();
  }
}
