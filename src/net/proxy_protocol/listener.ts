import type { Address } from "../../socket.ts";
import type { AcceptQueue, ListenerHandle } from "../adapter.ts";
import { concat } from "../bytes.ts";
import { PendingHandshakes } from "../pending_handshakes.ts";
import {
  applyProxyHeader,
  type SocketConnection,
} from "../socket_connection.ts";
import type { SocketListener } from "../socket_listener.ts";
import { LONGEST_HEADER, parseProxyHeader } from "./header.ts";

/**
 * A listener behind proxies: it reads the PROXY header of each connection, and
 * queues the connection with the client's address. A connection that may not
 * send a header, or sends a wrong one, is closed.
 */
export class ProxyListenerHandle implements ListenerHandle {
  readonly addr: Address;
  readonly #inner: SocketListener;
  readonly #queue: AcceptQueue;
  readonly #isTrusted: (peer: Address) => boolean;
  /** Connections with an incomplete header. */
  readonly #pending = new PendingHandshakes<SocketConnection>((connection) =>
    connection.close()
  );
  #isAccepting = false;

  constructor(
    inner: SocketListener,
    queue: AcceptQueue,
    isTrusted: (peer: Address) => boolean,
  ) {
    this.addr = inner.addr;
    this.#inner = inner;
    this.#queue = queue;
    this.#isTrusted = isTrusted;
  }

  acceptStart(): void {
    if (!this.#isAccepting) this.#accept();
  }

  async close(): Promise<void> {
    this.#pending.clear();
    await this.#inner.close();
  }

  /** As on any listener, connections wait in the kernel until one is wanted. */
  async #accept(): Promise<void> {
    this.#isAccepting = true;
    try {
      while (this.#queue.isWanted) this.#readHeader(await this.#inner.accept());
    } catch (error) {
      // The listener is closed, and this queue was closed before. Another error
      // goes to the callers of `accept`.
      if (error instanceof Error) this.#queue.close(error);
    }
    this.#isAccepting = false;
  }

  /** Reads a header beside the accept loop, which no silent proxy may delay. */
  async #readHeader(connection: SocketConnection): Promise<void> {
    if (this.#queue.isClosed || !this.#isTrusted(connection.remoteAddr)) {
      return void connection.close();
    }
    this.#pending.add(connection);
    let isValid = false;
    try {
      isValid = await readHeader(connection);
    } catch {
      // The peer is gone, or its header was late.
    }
    // It may have been closed as late just when the header was complete, and
    // several headers may be complete for one call of `accept`.
    const inTime = this.#pending.remove(connection);
    const isQueued = isValid && inTime && this.#queue.put(connection);
    if (!isQueued) connection.close();
  }
}

/** Whether a valid header came; what follows it is left to the next `recv`. */
async function readHeader(connection: SocketConnection): Promise<boolean> {
  let bytes = new Uint8Array(0);
  for (;;) {
    const chunk = await connection.recv(LONGEST_HEADER);
    if (chunk === null) return false;
    bytes = concat(bytes, chunk);
    const header = parseProxyHeader(bytes);
    if (header === "malformed") return false;
    if (header === "incomplete") continue;
    applyProxyHeader(connection, header.endpoints, bytes.slice(header.length));
    return true;
  }
}
