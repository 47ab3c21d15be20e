import type { SocketError } from "../errors.ts";
import type { Address } from "../socket.ts";
import type { AcceptQueue } from "./accept_queue.ts";
import { type FailedCall, socketError } from "./socket_error.ts";

/** Milliseconds for a handshake. */
const DEADLINE = 10_000;

/** Handshakes pending at once. */
const LIMIT = 511;

interface Pending {
  readonly peer: Address;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Connections with an unfinished TLS handshake or PROXY header: 10 s each;
 * beyond 511 the oldest is closed, so silent clients cannot shut out others.
 * Those that fail are reported to the queue.
 */
export class PendingHandshakes<T> {
  readonly #pending = new Map<T, Pending>();
  readonly #queue: AcceptQueue;
  readonly #awaited: string;
  readonly #close: (pending: T) => void;

  /**
   * @param awaited What the peer has to send, for messages.
   * @param close Closes a connection that is late, or one too many.
   */
  constructor(
    queue: AcceptQueue,
    awaited: "TLS handshake" | "PROXY header",
    close: (pending: T) => void,
  ) {
    this.#queue = queue;
    this.#awaited = awaited;
    this.#close = close;
  }

  add(pending: T, peer: Address): void {
    const [oldest] = this.#pending.keys();
    if (this.#pending.size >= LIMIT) {
      const reason = `${LIMIT} others have sent no whole ${this.#awaited} yet`;
      this.#giveUp(oldest, "EAGAIN", reason);
    }
    const timer = setTimeout(() => {
      const reason = `no whole ${this.#awaited} within ${DEADLINE / 1000} s`;
      this.#giveUp(pending, "ETIMEDOUT", reason);
    }, DEADLINE);
    this.#pending.set(pending, { peer, timer });
  }

  /** Ends the wait for a connection; returns whether it was still pending. */
  remove(pending: T): boolean {
    clearTimeout(this.#pending.get(pending)?.timer);
    return this.#pending.delete(pending);
  }

  /** Like `remove`, and reports why the connection is closed. */
  fail(pending: T, toError: (call: FailedCall) => SocketError): boolean {
    const peer = this.#pending.get(pending)?.peer;
    if (peer === undefined) return false;
    this.remove(pending);
    this.#queue.reject(peer, toError);
    return true;
  }

  /** Closes all of them. */
  clear(): void {
    for (const pending of this.#pending.keys()) {
      this.remove(pending);
      this.#close(pending);
    }
  }

  #giveUp(pending: T, code: "EAGAIN" | "ETIMEDOUT", reason: string): void {
    const toError = (call: FailedCall) =>
      socketError(code, call, undefined, reason);
    this.fail(pending, toError);
    this.#close(pending);
  }
}
