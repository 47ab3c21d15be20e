import { checkSignal } from "./validate.ts";

/**
 * What has arrived and nobody took yet, or who waits for what has not arrived:
 * the queue behind `accept` and `recvFrom`. First come, first served.
 */
export class Inbox<T> {
  #items: T[] = [];
  #weight = 0;
  readonly #weigh: (item: T) => number;
  #waiting: PromiseWithResolvers<T>[] = [];
  #closed: Error | undefined;

  /** @param weigh What an item adds to `weight`. */
  constructor(weigh: (item: T) => number = () => 1) {
    this.#weigh = weigh;
  }

  /** The sum of what waits to be taken; unless weighed, how many they are. */
  get weight(): number {
    return this.#weight;
  }

  /** Whether a `take` waits for an item. */
  get wanted(): boolean {
    return this.#waiting.length > 0;
  }

  put(item: T): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) return waiter.resolve(item);
    this.#items.push(item);
    this.#weight += this.#weigh(item);
  }

  take(signal?: AbortSignal): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const refused = refusal(signal);
    if (refused !== undefined) return refused;
    if (this.#items.length > 0) {
      const item = this.#items.shift()!;
      this.#weight -= this.#weigh(item);
      return Promise.resolve(item);
    }
    const waiter = Promise.withResolvers<T>();
    this.#waiting.push(waiter);
    if (signal !== undefined) {
      onAbort(signal, waiter.promise, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        waiter.reject(signal.reason);
      });
    }
    return waiter.promise;
  }

  /** Ends it: every `take`, waiting or later, rejects; returns what is left. */
  close(reason: Error): T[] {
    this.#closed ??= reason;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#closed);
    return this.#items.splice(0);
  }
}

/** Calls `give` when the signal aborts, unless `promise` has settled before. */
export function onAbort(
  signal: AbortSignal,
  promise: Promise<unknown>,
  give: () => void,
): void {
  signal.addEventListener("abort", give, { once: true });
  const forget = () => signal.removeEventListener("abort", give);
  promise.then(forget, forget);
}

/** How a call rejects at once, where its signal is aborted or is none. */
export function refusal(
  signal: AbortSignal | undefined,
): Promise<never> | undefined {
  try {
    checkSignal(signal);
  } catch (error) {
    return Promise.reject(error);
  }
  if (signal?.aborted) return Promise.reject(signal.reason);
}
