import {
  type AbortOptions,
  type Address,
  type Connection,
  formatAddress,
  type Listener,
} from "../socket.ts";
import type { BaseConnection } from "./socket_connection.ts";
import { fault } from "./socket_error.ts";
import { Inbox } from "./wait_queue.ts";

/**
 * A listener but for its system calls: the queue, its order, its end.
 * An adapter extends it, and hands connections to `put`.
 */
export abstract class BaseListener implements Listener {
  abstract readonly addr: Address;
  /** What has to be done around the release, if anything. */
  guard: (release: () => Promise<void> | void) => Promise<void> | void = (
    release,
  ) => release();
  readonly #inbox = new Inbox<BaseConnection>();
  #closed: Promise<void> | undefined;

  /** There is room, or an `accept` waits: see that `put` follows. */
  protected abstract wake(): void;
  /** Frees the address. */
  protected abstract release(): Promise<void> | void;

  accept(options?: AbortOptions): Promise<BaseConnection> {
    const connection = this.#inbox.take(options?.signal);
    this.wake();
    return connection;
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    const where = formatAddress(this.addr);
    const queued = this.#inbox.close(
      fault("EBADF", `Cannot accept on ${where}`),
    );
    await this.guard(() => this.release());
    for (const connection of queued) await connection.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Connection, void> {
    while (this.#closed === undefined) {
      let connection;
      try {
        connection = await this.accept();
      } catch (error) {
        // Closed while waiting: the end of the loop, not a fault in it.
        if (this.#closed !== undefined) return;
        throw error;
      }
      yield connection;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether an `accept` waits. */
  get wanted(): boolean {
    return this.#inbox.wanted;
  }

  /** How many connections wait for an `accept`. */
  get queued(): number {
    return this.#inbox.weight;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** A connection came: to the first waiting `accept`, or into the queue. */
  put(connection: BaseConnection): void {
    if (this.closed) connection.close();
    else this.#inbox.put(connection);
  }
}
