import type { AbortOptions, Address, Connection, Listener } from "../socket.ts";
import type { AcceptQueue, OnReject } from "./accept_queue.ts";
import type { ListenerHandle } from "./adapter.ts";
import { ownSignal } from "./own_options.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { socketError } from "./socket_error.ts";

/**
 * Has a callback called with each connection that is closed before `accept`
 * returns it. For servers, not for users.
 */
export let reportRejects: (listener: Listener, onReject: OnReject) => void;

/** A listener over a runtime's {@linkcode ListenerHandle} and its queue. */
export class SocketListener implements Listener {
  readonly addr: Address;
  readonly #handle: ListenerHandle;
  readonly #queue: AcceptQueue;
  #closed: Promise<void> | undefined;

  constructor(handle: ListenerHandle, queue: AcceptQueue) {
    this.addr = handle.addr;
    this.#handle = handle;
    this.#queue = queue;
  }

  accept(options?: AbortOptions): Promise<SocketConnection> {
    try {
      const signal = ownSignal("accept", options);
      const connection = this.#queue.take(signal);
      this.#handle.acceptStart?.();
      return connection;
    } catch (error) {
      // Wrong options.
      return Promise.reject(error);
    }
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    const call = {
      syscall: "accept",
      address: this.addr,
      words: "accept on",
    } as const;
    const queued = this.#queue.close(() => socketError("EBADF", call));
    try {
      await this.#handle.close();
    } finally {
      for (const connection of queued) await connection.reset();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Connection, void> {
    return this.#queue.iterate(() => this.accept());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  static {
    reportRejects = (listener, onReject) => {
      if (#queue in listener) listener.#queue.onReject = onReject;
    };
  }
}
