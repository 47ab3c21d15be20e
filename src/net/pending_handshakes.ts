/** How long a newcomer may take, in milliseconds. */
const TIME = 10_000;

/** How many may be at it at once. */
const MOST = 511;

/**
 * Those who have connected and still have to introduce themselves, by a TLS
 * handshake or a PROXY header: each in its time, and when there are too many,
 * the oldest makes room for the next. So those who stay silent shut out nobody.
 */
export class Newcomers<T> {
  readonly #timers = new Map<T, ReturnType<typeof setTimeout>>();
  readonly #dismiss: (newcomer: T) => void;

  /** @param dismiss Closes one whose time is over. */
  constructor(dismiss: (newcomer: T) => void) {
    this.#dismiss = dismiss;
  }

  add(newcomer: T): void {
    const [oldest] = this.#timers.keys();
    if (this.#timers.size >= MOST) this.#giveUp(oldest);
    this.#timers.set(newcomer, setTimeout(() => this.#giveUp(newcomer), TIME));
  }

  /** It is through, one way or the other; returns whether it was in time. */
  remove(newcomer: T): boolean {
    clearTimeout(this.#timers.get(newcomer));
    return this.#timers.delete(newcomer);
  }

  /** Closes them all. */
  clear(): void {
    for (const newcomer of this.#timers.keys()) this.#giveUp(newcomer);
  }

  #giveUp(newcomer: T): void {
    this.remove(newcomer);
    this.#dismiss(newcomer);
  }
}
