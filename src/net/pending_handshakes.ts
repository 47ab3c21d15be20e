/** Milliseconds for a handshake. */
const DEADLINE = 10_000;

/** Handshakes pending at once. */
const LIMIT = 511;

/**
 * Connections with an unfinished TLS handshake or PROXY header: 10 s each;
 * beyond 511 the oldest is closed, so silent clients cannot shut out others.
 */
export class PendingHandshakes<T> {
  readonly #timers = new Map<T, ReturnType<typeof setTimeout>>();
  readonly #close: (pending: T) => void;

  /** @param close Closes a connection that is late, or one too many. */
  constructor(close: (pending: T) => void) {
    this.#close = close;
  }

  add(pending: T): void {
    const [oldest] = this.#timers.keys();
    if (this.#timers.size >= LIMIT) this.#giveUp(oldest);
    this.#timers.set(
      pending,
      setTimeout(() => this.#giveUp(pending), DEADLINE),
    );
  }

  /** Ends the wait for a connection; returns whether it was still pending. */
  remove(pending: T): boolean {
    clearTimeout(this.#timers.get(pending));
    return this.#timers.delete(pending);
  }

  /** Closes all of them. */
  clear(): void {
    for (const pending of this.#timers.keys()) this.#giveUp(pending);
  }

  #giveUp(pending: T): void {
    this.remove(pending);
    this.#close(pending);
  }
}
