import type { Address, TlsListenOptions } from "../../socket.ts";
import type { AcceptQueue } from "../accept_queue.ts";
import type { ListenerHandle } from "../adapter.ts";
import { concat } from "../bytes.ts";
import { PendingHandshakes } from "../pending_handshakes.ts";
import {
  applyProxyHeader,
  type SocketConnection,
} from "../socket_connection.ts";
import type { SocketListener } from "../socket_listener.ts";
import {
  type FailedCall,
  socketError,
  toSocketError,
} from "../socket_error.ts";
import { LONGEST_HEADER, mayStartHeader, parseProxyHeader } from "./header.ts";
import type { ProxyPolicy } from "./trusted_proxies.ts";

/** Milliseconds to wait for a header that need not come. */
const OPTIONAL_TIME = 100;

/**
 * A listener behind proxies: it reads the PROXY header of each connection, and
 * queues the connection with the client's address. A connection that may not
 * send a header, or sends a wrong one, is closed.
 */
export class ProxyListenerHandle implements ListenerHandle {
  readonly addr: Address;
  readonly #inner: SocketListener;
  readonly #queue: AcceptQueue;
  readonly #policy: ProxyPolicy;
  /** Connections with an incomplete header. */
  readonly #pending: PendingHandshakes<SocketConnection>;
  readonly #tls: TlsListenOptions | undefined;
  readonly #closing = new AbortController();
  #isAccepting = false;

  /** @param tls Of the handshake that follows the header, if one does. */
  constructor(
    inner: SocketListener,
    queue: AcceptQueue,
    policy: ProxyPolicy,
    tls?: TlsListenOptions,
  ) {
    this.addr = inner.addr;
    this.#inner = inner;
    this.#queue = queue;
    this.#policy = policy;
    this.#tls = tls;
    this.#pending = new PendingHandshakes(
      queue,
      "PROXY header",
      (connection) => connection.close(),
    );
  }

  acceptStart(): void {
    if (!this.#isAccepting) this.#accept();
  }

  async close(): Promise<void> {
    this.#pending.clear();
    this.#closing.abort(new Error("The listener was closed"));
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
      if (error instanceof Error) this.#queue.close(() => error);
    }
    this.#isAccepting = false;
  }

  /** Reads a header beside the accept loop, which no silent proxy may delay. */
  async #readHeader(connection: SocketConnection): Promise<void> {
    const peer = connection.remoteAddr;
    if (this.#queue.isClosed || !this.#policy.isTrusted(peer)) {
      connection.close();
      const reason = "it is none of the trusted proxies";
      const toError = (call: FailedCall) =>
        socketError("EACCES", call, undefined, reason);
      return this.#queue.reject(peer, toError);
    }
    this.#pending.add(connection, peer);
    let reason: string | undefined;
    let cause: unknown;
    try {
      reason = await readHeader(connection, this.#policy.isOptional);
    } catch (error) {
      // The peer is gone, or we have closed the connection as late.
      reason = "the peer is gone";
      cause = error;
    }
    if (reason !== undefined) {
      const text = `no PROXY header, ${reason}`;
      const toError = (call: FailedCall) =>
        socketError("EPROTO", call, cause, text);
      this.#pending.fail(connection, toError);
      connection.close();
      // It may have been closed as late just when the header was complete, and
      // several headers may be complete for one call of `accept`.
    } else if (this.#pending.remove(connection)) await this.#admit(connection);
    else connection.close();
  }

  async #admit(connection: SocketConnection): Promise<void> {
    if (this.#tls === undefined) return this.#queue.add(connection);
    const { signal } = this.#closing;
    try {
      const options = { ...this.#tls, serverSide: true, signal } as const;
      this.#queue.add(await connection.startTls(options));
    } catch (error) {
      // The handshake failed, and closed the connection.
      const toError = (call: FailedCall) => toSocketError(error, call);
      this.#queue.reject(connection.remoteAddr, toError);
    }
  }
}

/** Returns what comes in time; null if nothing does, or the peer ends. */
async function recvWithin(
  connection: SocketConnection,
  milliseconds: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), milliseconds);
  const { signal } = deadline;
  try {
    return await connection.recv(LONGEST_HEADER, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a header, and returns what is wrong with it. What follows it is left
 * to the next `recv`.
 */
async function readHeader(
  connection: SocketConnection,
  isOptional: boolean,
): Promise<string | undefined> {
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  if (isOptional) {
    const first = await recvWithin(connection, OPTIONAL_TIME);
    if (first === null || !mayStartHeader(first)) {
      applyProxyHeader(connection, undefined, first ?? bytes);
      return undefined;
    }
    applyProxyHeader(connection, undefined, first);
  }
  for (;;) {
    const chunk = await connection.recv(LONGEST_HEADER);
    if (chunk === null) return "the peer ended before it";
    bytes = concat([bytes, chunk]);
    const header = parseProxyHeader(bytes);
    if (header === "malformed") return "what came is malformed";
    if (header === "incomplete") continue;
    applyProxyHeader(connection, header.endpoints, bytes.slice(header.length));
    return undefined;
  }
}
